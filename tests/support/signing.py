"""Ed25519 signing for tests: the arithmetic of RFC 8032, section 5.1.6, on affine points.

It shares nothing with ``mnist_edge.deployment.ed25519``, so that neither hides the
other's mistakes.
"""

from __future__ import annotations

import base64
import hashlib

_P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the base point."""
_D = -121665 * pow(121666, _P - 2, _P) % _P
_BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)

Point = tuple[int, int]
"""x and y, both below the prime."""
NEUTRAL: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, _P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, _P)
    return x % _P, y % _P


def multiply(factor: int, point: Point = _BASE) -> Point:
    total = NEUTRAL
    for bit in f"{factor:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def encode(point: Point) -> bytes:
    """The 32 bytes of a point: y, and the lowest bit of x in the highest (section 5.1.2)."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point_at(y: int) -> Point:
    """The point with this y and an even x, which must exist (section 5.1.3)."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    assert x * x % _P == square
    return (_P - x if x & 1 else x), y


def small_order_points() -> list[Point]:
    """The eight points whose order divides 8; that at ``n`` is n times that at 1."""
    # A multiple of the base point's order leaves only what has a small order.
    eighth = multiply(ORDER, point_at(3))
    points = [multiply(factor, eighth) for factor in range(8)]
    assert len(set(points)) == 8
    assert add(points[7], eighth) == NEUTRAL
    return points


def challenge(commitment: bytes, key: bytes, message: bytes) -> int:
    """Return the factor of the key in the verification of a signature (section 5.1.7)."""
    digest = hashlib.sha512(commitment + key + message).digest()
    return int.from_bytes(digest, "little") % ORDER


class Signer:
    """The owner of a secret key of 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        digest = hashlib.sha512(secret).digest()
        self.scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
        """The secret scalar."""
        self._prefix = digest[32:]
        self.key = encode(multiply(self.scalar))
        """The public key, 32 bytes."""

    @property
    def pem(self) -> str:
        """The public key as openssl writes it (RFC 8410)."""
        return to_pem(self.key)

    def sign(self, message: bytes, *, domain: bytes = b"") -> bytes:
        """The signature, 64 bytes; ``domain`` is what Ed25519ctx and Ed25519ph hash first."""
        prefix = domain + self._prefix + message
        nonce = int.from_bytes(hashlib.sha512(prefix).digest(), "little") % ORDER
        commitment = encode(multiply(nonce))
        digest = hashlib.sha512(domain + commitment + self.key + message).digest()
        response = (nonce + int.from_bytes(digest, "little") * self.scalar) % ORDER
        return commitment + response.to_bytes(32, "little")


def to_pem(key: bytes) -> str:
    """A public key of 32 bytes as openssl writes it (RFC 8410)."""
    body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + key).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
