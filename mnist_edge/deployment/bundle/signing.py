"""Sign a bundle's checksums with openssl, so that no private key passes through this program.

A signature of ``SHA256SUMS`` signs every file of the bundle, as that of a manifest signs the model.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from mnist_edge.deployment.ed25519 import KEY_SIZE, is_valid_signature
from mnist_edge.errors import InvalidValue, MissingDependency
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.text import one_line


def open_signing_key(key: Path) -> Callable[[bytes], bytes]:
    """Return a function that signs bytes, after it has signed some for a trial.

    Args:
        key: a private Ed25519 key in PEM, as ``openssl genpkey -algorithm ed25519`` writes it.

    Returns:
        A function from bytes to their signature, 64 bytes, that devices accept.

    Raises:
        InvalidValue: it is not such a key.
        MissingDependency: openssl is not installed.
    """
    if shutil.which("openssl") is None:
        raise MissingDependency(
            "signing needs the program openssl; install it with: sudo apt install openssl"
        )
    try:
        # openssl would wait for the end of whatever it is given.
        read_regular_file(key)
    except OSError as error:
        raise _no_key(key, error.strerror or str(error)) from error
    public = _run_openssl(key, "pkey", "-pubout", "-outform", "DER", "-in", key)[-KEY_SIZE:]

    def sign(content: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(prefix="mnist-edge-") as file:
            file.write(content)
            file.flush()
            words = ("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file.name)
            signature = _run_openssl(key, *words)
        # Keys of other kinds sign too, and no device accepts them.
        if not is_valid_signature(content, signature=signature, key=public):
            raise _no_key(key, "it makes no Ed25519 signatures")
        return signature

    sign(b"a trial")
    return sign


def _run_openssl(key: Path, *words: str | Path) -> bytes:
    """Run openssl, which may ask for a passphrase on the terminal, and return its output."""
    ran = subprocess.run(["openssl", *words], check=False, capture_output=True)  # noqa: S607  # wherever it is
    if ran.returncode:
        # Its first line says what was wrong, the others where in its source.
        first, *_ = [*ran.stderr.decode(errors="replace").splitlines(), "no message"]
        raise _no_key(key, one_line(first)[:200])
    return ran.stdout


def _no_key(key: Path, reason: str) -> InvalidValue:
    return InvalidValue(
        f"{key} is not a private Ed25519 key ({reason}); make one with: "
        "openssl genpkey -algorithm ed25519 -out private.pem"
    )
