"""Whose models a device takes, where it does not take anybody's.

The keys are a file of the owner's beside the installed models, in the form that
``openssl pkey -pubout`` writes.
"""

from __future__ import annotations

import base64
import binascii
import re

from mnist_edge.deployment.artifact import SIGNATURE_SUFFIX, Artifact
from mnist_edge.deployment.ed25519 import KEY_SIZE, is_valid_signature
from mnist_edge.errors import UntrustedModel
from mnist_edge.modelstore.registry import store_folder

TRUSTED_KEYS_FILE = "trusted.pem"
"""Name of the file with the public keys, one or more; where there is none, nothing is signed."""

_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", re.DOTALL)
"""RFC 7468, section 13."""
_HEADER = bytes.fromhex("302a300506032b6570032100")
"""What the DER of an Ed25519 public key has before its 32 bytes (RFC 8410, section 4)."""


def read_trusted_keys() -> tuple[bytes, ...]:
    """The public keys that this device holds, 32 bytes each; none where it takes any model.

    Raises:
        UntrustedModel: there is a file, and it is not one of Ed25519 public keys: nothing can be
            trusted, then.
    """
    path = store_folder() / TRUSTED_KEYS_FILE
    try:
        text = path.read_text(encoding="utf-8")
        keys = tuple(map(_key, _BLOCK.findall(text)))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError) as error:
        raise UntrustedModel(
            f"cannot read the public keys in {path} ({error}); write them with: "
            "openssl pkey -in private.pem -pubout"
        ) from error
    if not keys:
        raise UntrustedModel(f"{path} holds no public key; put one in it, or remove the file")
    return keys


def require_signed(artifact: Artifact, keys: tuple[bytes, ...]) -> str:
    """Checks that the owner of one of some keys signed a manifest.

    Returns:
        What was found, for a person.

    Raises:
        UntrustedModel: none of them did.
    """
    if not keys:
        return f"not asked for: no {TRUSTED_KEYS_FILE}"
    signature, path = artifact.signature, store_folder() / TRUSTED_KEYS_FILE
    if signature is None:
        raise UntrustedModel(
            f"{artifact.source} is not signed, and {path} asks for it; put its "
            f"manifest's signature beside it, as .json{SIGNATURE_SUFFIX}"
        )
    if not any(is_valid_signature(artifact.manifest, signature=signature, key=key) for key in keys):
        raise UntrustedModel(
            f"{artifact.source} is signed by no key in {path}, or was changed since; "
            "get it from whoever signs for this device"
        )
    return "by a trusted key"


def _key(body: str) -> bytes:
    try:
        document = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if len(document) != len(_HEADER) + KEY_SIZE or not document.startswith(_HEADER):
        raise ValueError("a key of another kind than Ed25519")
    return document[len(_HEADER) :]
