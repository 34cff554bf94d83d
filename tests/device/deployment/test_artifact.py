"""Artifacts: malicious archives, and downloads that break their promises."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.deployment.artifact import MAX_BYTES, Artifact, read_artifact
from mnist_edge.errors import DownloadFailed, InvalidArtifact, MnistEdgeError
from mnist_edge.system import https
from tests.support.archives import ENDLESS, pack_blocks, pack_tar, pack_zip, pax_header, tar_header
from tests.support.paths import NANO
from tests.support.serving import served

Pack = Callable[[dict[str, bytes]], bytes]


@pytest.fixture(scope="module")
def parts() -> dict[str, bytes]:
    """The files of the shipped int8 model by name, with an invalid signature."""
    folder = NANO
    files = {name: (folder / name).read_bytes() for name in ("int8.tflite", "int8.json")}
    return {**files, "int8.json.sig": b"s" * 64}


both = pytest.mark.parametrize("pack", [pack_tar, pack_zip])


def check(found: Artifact, parts: dict[str, bytes]) -> None:
    assert (found.content, found.manifest, found.signature) == tuple(parts.values())


def check_refused(content: bytes, tmp_path: Path, said: str) -> None:
    path = tmp_path / "update"
    path.write_bytes(content)
    with pytest.raises(InvalidArtifact, match=said) as refused:
        read_artifact(str(path))
    assert "\n" not in str(refused.value)


def test_loose_files_are_an_artifact(parts: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    check(read_artifact(str(tmp_path / "int8.tflite")), parts)
    (tmp_path / "int8.json.sig").unlink()
    assert read_artifact(str(tmp_path / "int8.tflite")).signature is None


@both
@pytest.mark.parametrize("folder", ["", "./", "release/nano/"])
def test_an_archive_is_known_by_its_contents(
    folder: str, pack: Pack, parts: dict[str, bytes], tmp_path: Path
) -> None:
    files = {f"{folder}{name}": content for name, content in parts.items()}
    files |= {f"{folder}._int8.tflite": b"macOS", f"{folder}README": b"more"}
    (tmp_path / "whatever.bin").write_bytes(pack(files))
    check(read_artifact(str(tmp_path / "whatever.bin")), parts)


@both
@pytest.mark.parametrize("name", ["../int8.tflite", "/etc/int8.tflite", "a/../../b", "C:/x"])
def test_a_path_outside_the_archive_is_refused(
    name: str, pack: Pack, parts: dict[str, bytes], tmp_path: Path
) -> None:
    check_refused(pack({**parts, name: b"x"}), tmp_path, "a path outside the archive")
    assert [path.name for path in tmp_path.iterdir()] == ["update"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(
    kind: bytes, parts: dict[str, bytes], tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("int8.json")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    check_refused(packed.getvalue(), tmp_path, "a link or a device")


def test_a_link_in_a_zip_is_refused(parts: dict[str, bytes], tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        member = zipfile.ZipInfo("int8.json")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    check_refused(packed.getvalue(), tmp_path, "a link or a device")


@both
def test_an_archive_that_unpacks_to_too_much_is_refused(
    pack: Pack, parts: dict[str, bytes], tmp_path: Path
) -> None:
    packed = pack({**parts, "zeros": bytes(MAX_BYTES)})
    assert len(packed) < MAX_BYTES // 100
    check_refused(packed, tmp_path, f"has more than {MAX_BYTES:,} bytes")


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    # GNU tar's old form: a header with a map of holes, and next to nothing in the archive.
    member = tarfile.TarInfo("zeros.tflite")
    member.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"00000000000\0" * 2
    header[483:495] = f"{1 << 32:011o}\0".encode()
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header[:512]):06o}\0 ".encode()
    check_refused(gzip.compress(bytes(header) + bytes(1024)), tmp_path, "a sparse file")
    for key in ("GNU.sparse.major", "GNU.sparse.realsize", "size"):
        blocks = pax_header(key, "1") + tar_header("int8.tflite", 0)
        check_refused(gzip.compress(blocks), tmp_path, "a sparse file")


@pytest.mark.parametrize("blocks", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_tar_is_refused_at_once(blocks: bytes, tmp_path: Path) -> None:
    began = time.process_time()
    check_refused(pack_blocks(blocks), tmp_path, "update")
    assert time.process_time() - began < 5


def test_a_tar_of_endless_gzip_members_is_refused(parts: dict[str, bytes], tmp_path: Path) -> None:
    check_refused(gzip.compress(b"") * 10_000 + pack_tar(parts), tmp_path, "has more data after")
    check_refused(pack_tar(parts)[:-9], tmp_path, "is truncated")
    check_refused(pack_tar(parts)[:-1] + b"?", tmp_path, "cannot read")


@both
def test_an_archive_of_many_files_is_refused(
    pack: Pack, parts: dict[str, bytes], tmp_path: Path
) -> None:
    many = {**parts, **{f"file-{index}": b"" for index in range(300)}}
    check_refused(pack(many), tmp_path, "holds more than 256 files")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_are_read(
    form: int, parts: dict[str, bytes], tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=form) as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(f"{'日本' * 40}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    (tmp_path / "update").write_bytes(packed.getvalue())
    check(read_artifact(str(tmp_path / "update")), parts)


def test_a_folder_named_like_a_model_is_not_one(parts: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "update").write_bytes(pack_zip({"x.tflite/": b"", **parts}))
    check(read_artifact(str(tmp_path / "update")), parts)
    member = tarfile.TarInfo("x.tflite")
    member.type = tarfile.DIRTYPE
    plain = member.tobuf(tarfile.GNU_FORMAT) + gzip.decompress(pack_tar(parts))
    (tmp_path / "update").write_bytes(gzip.compress(plain))
    check(read_artifact(str(tmp_path / "update")), parts)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_of_another_compression_is_refused(
    method: int, parts: dict[str, bytes], tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    check_refused(packed.getvalue(), tmp_path, f"by method {method}; expected deflate")


def test_a_file_that_is_too_large_is_refused(parts: dict[str, bytes], tmp_path: Path) -> None:
    check_refused(parts["int8.tflite"] + bytes(MAX_BYTES), tmp_path, "has more than")


@both
def test_an_archive_needs_one_model_with_its_manifest(
    pack: Pack, parts: dict[str, bytes], tmp_path: Path
) -> None:
    check_refused(pack({"README": b"nothing"}), tmp_path, "holds 0 models")
    check_refused(pack({**parts, "float32.tflite": b"another"}), tmp_path, "holds 2 models")
    del (left := dict(parts))["int8.json"]
    check_refused(pack(left), tmp_path, "has no manifest int8.json")
    check_refused(pack({**left, "elsewhere/int8.json": b""}), tmp_path, "has no manifest")


def test_a_source_that_is_not_an_artifact_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"<html>", b"\x1f\x8b", b"PK\x03\x04", b"\x1f\x8b\x08" + bytes(40)):
        check_refused(content, tmp_path, "update (is not a .tflite|.*copy it again)|cannot read")


@both
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_archive_is_read_whole_or_refused(
    pack: Pack,
    parts: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    position: float,
    bit: int,
    cut: bool,
) -> None:
    content = bytearray(pack(parts))
    offset = int(position * len(content))
    content[offset] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[:offset] if cut else content)
    try:
        found = read_artifact(str(path))
    except MnistEdgeError:
        return
    # Names in a tar have no checksum, and that of the signature may be changed.
    check(found, {**parts, "int8.json.sig": found.signature or parts["int8.json.sig"]})


@pytest.fixture
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow plain HTTP from this machine."""
    monkeypatch.setattr(https, "_SCHEMES", ("http",))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.usefixtures("plain_http")
def test_a_model_url_also_downloads_manifest_and_signature(parts: dict[str, bytes]) -> None:
    with served({f"/v2/{name}": content for name, content in parts.items()}) as root:
        check(read_artifact(f"{root}/v2/int8.tflite"), parts)
    answers = {f"/{name}?key=1": content for name, content in parts.items()}
    for status in (403, 404, 410):
        with served({**answers, "/int8.json.sig?key=1": status}) as root:
            assert read_artifact(f"{root}/int8.tflite?key=1").signature is None


@pytest.mark.usefixtures("plain_http")
@both
def test_an_archive_is_downloaded_from_a_url(pack: Pack, parts: dict[str, bytes]) -> None:
    with served({"/latest": "/v2/update", "/v2/update": pack(parts)}) as root:
        check(read_artifact(f"{root}/latest"), parts)


@pytest.mark.usefixtures("plain_http")
def test_all_downloads_of_a_model_have_one_deadline(
    parts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(url: str, *, max_bytes: int, deadline: float) -> bytes:
        asked.append(deadline)
        return parts[url.rpartition("/")[2]]

    monkeypatch.setattr("mnist_edge.deployment.artifact.download", answer)
    monkeypatch.setattr("mnist_edge.deployment.artifact.download_if_present", answer)
    check(read_artifact("https://example.org/int8.tflite"), parts)
    assert len(asked) == 3
    assert len({*asked}) == 1


def test_a_url_that_is_not_https_is_refused_as_an_artifact() -> None:
    with pytest.raises(DownloadFailed, match="must be an https URL"):
        read_artifact("http://127.0.0.1:9/int8.tflite")


@pytest.mark.usefixtures("plain_http")
def test_a_download_ends_at_the_size_of_an_artifact() -> None:
    with (
        served({"/m": bytes(MAX_BYTES + 1)}) as root,
        pytest.raises(DownloadFailed, match=f"is larger than the {MAX_BYTES:,} bytes allowed"),
    ):
        read_artifact(f"{root}/m")
