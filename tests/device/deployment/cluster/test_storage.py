from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mnist_edge.deployment.cluster import storage
from mnist_edge.errors import InvalidValue, NotWritable, StorageFailed


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_of_this_machine_is_a_path_or_a_url(scheme: str, tmp_path: Path) -> None:
    folder = f"{scheme}{tmp_path}/out"
    assert not storage.is_there(folder)
    Path(tmp_path / "out/sub").mkdir(parents=True)
    for name in ("b.png", "sub/a.png", "_hidden", ".hidden"):
        storage.write_file(storage.join(folder, name), name.encode())
    assert storage.is_folder(folder)
    assert storage.list_folder(folder) == [f"{folder}/b.png"]
    assert list(storage.walk(folder)) == [f"{folder}/b.png", f"{folder}/sub/a.png"]
    assert storage.read_file(storage.join(folder, "sub/a.png")) == b"sub/a.png"
    assert storage.read_file(storage.join(folder, "sub/a.png"), 3) == b"sub"
    with storage.open_file(storage.join(folder, "b.png")) as stream:
        stream.seek(2)
        assert stream.read() == b"png"


def test_a_query_is_of_the_storage_and_not_of_the_name() -> None:
    folder = "s3://bucket/digits/?endpoint_override=127.0.0.1:9"
    joined = "s3://bucket/digits/a.png?endpoint_override=127.0.0.1:9"
    assert storage.join(folder, "a.png") == joined
    assert storage.split_query(joined) == (
        "s3://bucket/digits/a.png",
        "?endpoint_override=127.0.0.1:9",
    )
    # A path of this machine may have one in its name.
    assert storage.split_query("what?.png") == ("what?.png", "")


def test_a_missing_file_is_told_apart_from_a_storage_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read_file(str(tmp_path / "absent"))
    with pytest.raises(StorageFailed, match="absent"):
        storage.list_folder(str(tmp_path / "absent"))
    with (
        pytest.raises(StorageFailed, match="--resume"),
        storage.open_file(str(tmp_path / "absent")),
    ):
        pass


def test_an_unknown_storage_is_wrong_usage() -> None:
    with pytest.raises(InvalidValue, match="expected a path, s3:// or gs://"):
        storage.is_there("nowhere://bucket/digits")


@pytest.mark.parametrize("scheme", ["s3", "gs", "http"])
def test_a_secret_in_a_url_is_refused_and_not_repeated(scheme: str) -> None:
    with pytest.raises(InvalidValue, match=r"://\.\.\.@bucket: a secret in a URL") as caught:
        storage.is_there(f"{scheme}://key:secret@bucket/digits?region=here")
    assert "key:secret" not in str(caught.value)


def test_a_file_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), storage.writing_file(str(tmp_path / "part")) as stream:
        stream.write(bytes(1 // (not stream)))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match="file/part"):
        storage.write_file(str(tmp_path / "file/part"), b"")


def test_lines_come_one_by_one_whatever_the_file_ends_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_CHUNK", 3)
    (tmp_path / "list").write_bytes(b"one\r\n\ntwo\nthree")
    assert list(storage.read_lines(str(tmp_path / "list"))) == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/absent.json"),
        # It tries for as long as it may.
        pytest.param("GCE_METADATA_ROOT", "127.0.0.1:1", marks=pytest.mark.slow),
    ],
)
def test_without_credentials_google_says_to_sign_in(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.delenv("CLOUDSDK_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(name, value)
    folder = f"gs://{name.lower().replace('_', '-')}/digits?retry_limit_seconds=1"
    with pytest.raises(StorageFailed, match=r"^cannot read gs://[a-z-]+/digits: .*; sign in as"):
        storage.is_there(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes are Linux's")
def test_names_that_are_not_unicode_and_links_to_themselves_hide_no_others(tmp_path: Path) -> None:
    names = [os.fsdecode(name) for name in (b"a.png", b"caf\xe9.png", b"loop.png")]
    for name in names[:2]:
        (tmp_path / name).touch()
    (tmp_path / names[2]).symlink_to(names[2])
    assert storage.list_folder(str(tmp_path)) == [str(tmp_path / name) for name in names]
