"""Signing, for tests alone: the arithmetic of RFC 8032, section 5.1.6, on affine points.

It shares nothing with ``mnist_edge.deployment.ed25519``, so that neither hides the
other's mistakes.
"""

from __future__ import annotations

import base64
import hashlib

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)

Point = tuple[int, int]


def _add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, _P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, _P)
    return x % _P, y % _P


def _encoded(times: int) -> bytes:
    """So many base points, as 32 bytes."""
    total = (0, 1)
    for bit in f"{times:b}":
        total = _add(total, total)
        if bit == "1":
            total = _add(total, _BASE)
    x, y = total
    return (y | (x & 1) << 255).to_bytes(32, "little")


class Signer:
    """The owner of a secret key of 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        digest = hashlib.sha512(secret).digest()
        self._scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
        self._prefix = digest[32:]
        self.key = _encoded(self._scalar)
        """The public key, 32 bytes."""

    @property
    def pem(self) -> str:
        """The public key as openssl writes it (RFC 8410)."""
        body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + self.key).decode()
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        nonce = int.from_bytes(hashlib.sha512(self._prefix + message).digest(), "little") % _L
        commitment = _encoded(nonce)
        digest = hashlib.sha512(commitment + self.key + message).digest()
        response = (nonce + int.from_bytes(digest, "little") * self._scalar) % _L
        return commitment + response.to_bytes(32, "little")
