"""The public keys that a device trusts, and the check that one of them signed a model.

The keys are a file that the device's owner puts beside the installed models, in the format that
``openssl pkey -pubout`` writes. Without that file no signature is required. If it cannot be told
whether there is such a file, or what it holds, nothing is trusted.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path

from mnist_edge.deployment.artifact import SIGNATURE_SUFFIX, Artifact
from mnist_edge.deployment.ed25519 import KEY_SIZE, is_valid_key, is_valid_signature
from mnist_edge.errors import UntrustedModel
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.paths import STORE_VARIABLE, store_folder

TRUSTED_KEYS_FILE = "trusted.pem"
"""Name of the file with the public keys, one or more."""

_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", re.DOTALL)
"""RFC 7468, section 13."""
_HEADER = bytes.fromhex("302a300506032b6570032100")
"""The DER of an Ed25519 public key up to its 32 bytes (RFC 8410, section 4)."""


def read_trusted_keys() -> tuple[bytes, ...]:
    """Read the public keys that this device trusts.

    Returns:
        32 bytes each; empty if there is no file of keys, so that any model is accepted.

    Raises:
        UntrustedModel: there is a file, or a link to one, that is not a readable file of Ed25519
            public keys; or the folder it would be in is missing, but the environment names it.
    """
    path = store_folder() / TRUSTED_KEYS_FILE
    try:
        if not _is_present(path):
            return ()
        keys = tuple(map(_decode_key, _BLOCK.findall(_read_text(path))))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UntrustedModel(
            f"cannot read the public keys in {path} ({reason}); write them with: "
            "openssl pkey -in private.pem -pubout"
        ) from error
    if not keys:
        raise UntrustedModel(f"{path} holds no public key; add one, or remove the file")
    return keys


def _is_present(path: Path) -> bool:
    """Return whether there is a file of keys, or a link to one, even to one that is missing.

    Raises:
        UntrustedModel: the folder that it would be in is missing.
        OSError: the system does not tell.
    """
    folder = path.parent
    if os.environ.get(STORE_VARIABLE) and not folder.is_dir():
        raise UntrustedModel(
            f"{STORE_VARIABLE} names {folder}, which does not exist, so it is unknown which keys "
            "this device trusts; create or mount it"
        )
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        for parent in path.parents:
            if parent.is_symlink() and not parent.exists():
                raise UntrustedModel(
                    f"{parent} links to a folder that does not exist, so it is unknown which keys "
                    "this device trusts; mount it, or remove the link"
                ) from None
        return False
    return True


def _read_text(path: Path) -> str:
    """Read a file of keys; a pipe or a device, which may never end, is none.

    Raises:
        OSError: it is missing, or not a file.
    """
    return read_regular_file(path).decode("utf-8")


def require_signed(artifact: Artifact, keys: tuple[bytes, ...] | None) -> str:
    """Check that the owner of one of the keys signed the artifact's manifest.

    Args:
        artifact: the model with its manifest and signature.
        keys: of ``read_trusted_keys``; None for a shipped model, which needs no signature.

    Returns:
        The result in words.

    Raises:
        UntrustedModel: none of them did.
    """
    if keys is None:
        return "not asked for: comes with the package"
    if not keys:
        return f"not asked for: no {TRUSTED_KEYS_FILE}"
    signature, path = artifact.signature, store_folder() / TRUSTED_KEYS_FILE
    if signature is None:
        raise UntrustedModel(
            f"{artifact.source} is not signed, but {path} requires a signature; put the "
            f"manifest's signature beside it, as .json{SIGNATURE_SUFFIX}"
        )
    if not any(is_valid_signature(artifact.manifest, signature=signature, key=key) for key in keys):
        raise UntrustedModel(
            f"{artifact.source} is not signed by any key in {path}, or was changed since; get it "
            "from whoever signs for this device"
        )
    return "by a trusted key"


def _decode_key(body: str) -> bytes:
    """Decode the base64 body of a PEM block.

    Raises:
        ValueError: it is not an Ed25519 public key, or is a weak one.
    """
    try:
        document = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("invalid base64") from error
    if len(document) != len(_HEADER) + KEY_SIZE or not document.startswith(_HEADER):
        raise ValueError("a key that is not Ed25519")
    key = document[len(_HEADER) :]
    if not is_valid_key(key):
        raise ValueError("a key that is not a point of the curve, or one of small order")
    return key
