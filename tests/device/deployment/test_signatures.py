"""Which keys a device trusts; if that is unknown, it trusts none."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_edge.deployment import install
from mnist_edge.deployment.signatures import read_trusted_keys
from mnist_edge.errors import UntrustedModel
from mnist_edge.modelstore import registry
from tests.support.programs import Run
from tests.support.signing import Signer, encode, small_order_points, to_pem

needs_links = pytest.mark.skipif(os.name != "posix", reason="links, pipes and devices of POSIX")


def check_nothing_is_trusted(nano: Path, *said: str) -> None:
    """Check that a model is refused with a one-line reason and not installed."""
    with pytest.raises(UntrustedModel) as refused:
        install.install(str(nano / "int8.tflite"))
    for words in said:
        assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert registry.installed_models() == []


def test_without_a_file_no_key_is_required(store: Path) -> None:
    assert read_trusted_keys() == ()


def test_every_key_of_the_file_is_trusted(store: Path, signer: Signer) -> None:
    other = Signer(b"\x08" * 32)
    (store / "trusted.pem").write_text(f"# the fleet\n{other.pem}\n# the workbench\n{signer.pem}")
    assert read_trusted_keys() == (other.key, signer.key)


@needs_links
def test_a_link_to_a_file_of_keys_is_followed(store: Path, signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "keys.pem").write_text(signer.pem)
    (store / "trusted.pem").symlink_to(tmp_path / "keys.pem")
    assert read_trusted_keys() == (signer.key,)


UNREADABLE: dict[str, Callable[[Path], None]] = {
    "a link whose target is away": lambda path: path.symlink_to(path.parent / "away" / "it.pem"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a device": lambda path: path.symlink_to("/dev/null"),
    "a link to a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a link to a folder": lambda path: path.symlink_to(path.parent),
    "a link through a file": lambda path: path.symlink_to("/dev/null/trusted.pem"),
    "a pipe": lambda path: os.mkfifo(path, 0o600),
    "a folder": lambda path: path.mkdir(),
}


@needs_links
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_key_file_that_is_not_a_file_is_refused(kind: str, store: Path, nano: Path) -> None:
    UNREADABLE[kind](store / "trusted.pem")
    check_nothing_is_trusted(nano, "cannot read the public keys in", "trusted.pem")


@needs_links
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
@pytest.mark.parametrize("which", ["file", "folder"])
def test_an_unreadable_key_file_is_refused(which: str, store: Path, signer: Signer) -> None:
    path = store / "trusted.pem"
    path.write_text(signer.pem)
    locked = path if which == "file" else store
    locked.chmod(0)
    try:
        with pytest.raises(UntrustedModel, match="Permission denied"):
            read_trusted_keys()
    finally:
        locked.chmod(0o700)


PEM = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"
DAMAGED = {
    "empty": b"",
    "random": bytes(range(256)),
    "a private key": b"-----BEGIN PRIVATE KEY-----\nMCo=\n-----END PRIVATE KEY-----\n",
    "not base64": PEM.format("!").encode(),
    "too short": PEM.format("MCo=").encode(),
    "cut off": Signer(b"\x07" * 32).pem[:-30].encode(),
    "another kind": PEM.format("MCowBQYDK2VuAyEA" + "A" * 42 + "E=").encode(),
    "no point of the curve": to_pem(b"\x02" + bytes(31)).encode(),
    "y beyond the prime": to_pem(b"\xff" * 32).encode(),
    "zeros": to_pem(bytes(32)).encode(),
    "a good one and a damaged one": Signer(b"\x07" * 32).pem.encode() + PEM.format("!").encode(),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_key_file_is_refused(kind: str, store: Path, nano: Path) -> None:
    (store / "trusted.pem").write_bytes(DAMAGED[kind])
    check_nothing_is_trusted(nano, "trusted.pem")


def test_a_key_file_with_a_key_of_small_order_is_refused(store: Path, signer: Signer) -> None:
    for point in small_order_points():
        (store / "trusted.pem").write_text(signer.pem + to_pem(encode(point)))
        with pytest.raises(UntrustedModel, match="small order"):
            read_trusted_keys()


def test_no_key_is_trusted_while_the_named_store_is_missing(
    store: Path, signer: Signer, nano: Path, run: Run
) -> None:
    (store / "trusted.pem").write_text(signer.pem)
    store.rename(store.with_name("unmounted"))
    check_nothing_is_trusted(nano, "MNIST_EDGE_MODELS", str(store), "create or mount it")
    assert not store.exists()
    # Shipped models are used without a key.
    assert run("model", "verify").returncode == 0
    refused = run("model", "install", nano / "int8.tflite")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
    store.write_text("a file where the folder should be")
    check_nothing_is_trusted(nano, "MNIST_EDGE_MODELS")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="XDG is for Linux")
@pytest.mark.parametrize("linked", ["mnist-edge/models", "mnist-edge", "."])
def test_the_default_store_may_be_missing_but_not_a_broken_link(
    linked: str, tmp_path: Path, nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MNIST_EDGE_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert read_trusted_keys() == ()
    link = tmp_path / "data" / linked
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "stick")
    check_nothing_is_trusted(nano, f"{link} links to a folder that does not exist")
    (tmp_path / "stick").mkdir()
    assert read_trusted_keys() == ()
    shutil.rmtree(tmp_path / "stick")
    link.unlink()
    link.symlink_to(link)
    check_nothing_is_trusted(nano)
