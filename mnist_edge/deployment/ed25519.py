"""Verifying Ed25519 signatures in plain Python, so that a device needs no package for it.

RFC 8032, Edwards-Curve Digital Signature Algorithm, section 5.1. Nothing here is secret: a
verification handles a public key, a public signature and public bytes, so that it need not take
the same time for all of them. There is no signing here, which would have to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

KEY_SIZE = 32
"""Bytes of a public key (section 5.1.5)."""
SIGNATURE_SIZE = 64
"""Bytes of a signature: a point, then a number (section 5.1.6)."""

_P = 2**255 - 19
"""Prime of the field (section 5.1)."""
_L = 2**252 + 27742317777372353535851937790883648493
"""Order of the base point (section 5.1)."""
_D = -121665 * pow(121666, -1, _P) % _P
"""Constant of the curve ``-x^2 + y^2 = 1 + d x^2 y^2`` (section 5.1)."""
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)
"""Turns the candidate root into the other one (section 5.1.3, step 3)."""


@dataclass(frozen=True)
class _Point:
    """A point in extended homogeneous coordinates: x = X/Z, y = Y/Z, x y = T/Z (5.1.4)."""

    x: int
    y: int
    z: int
    t: int

    def __add__(self, other: _Point) -> _Point:
        # The complete formulas of section 5.1.4: they double as well.
        a = (self.y - self.x) * (other.y - other.x) % _P
        b = (self.y + self.x) * (other.y + other.x) % _P
        c = 2 * _D * self.t * other.t % _P
        d = 2 * self.z * other.z % _P
        e, f, g, h = b - a, d - c, d + c, b + a
        return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)

    def __rmul__(self, times: int) -> _Point:
        total, double = _NEUTRAL, self
        while times:
            if times & 1:
                total += double
            double += double
            times >>= 1
        return total

    def is_same(self, other: _Point) -> bool:
        """Whether both are one point, whatever their Z."""
        return (
            (self.x * other.z - other.x * self.z) % _P
            == 0
            == (self.y * other.z - other.y * self.z) % _P
        )


_NEUTRAL = _Point(0, 1, 1, 0)


def is_valid_signature(message: bytes, *, signature: bytes, key: bytes) -> bool:
    """Whether a signature is that of a message by the owner of a key (section 5.1.7).

    Args:
        message: what was signed.
        signature: 64 bytes; any other number is no signature.
        key: the public key, 32 bytes; any other number signs nothing.
    """
    if len(key) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    owner, commitment = _decoded(key), _decoded(signature[:32])
    response = int.from_bytes(signature[32:], "little")
    if owner is None or commitment is None or response >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    challenge = int.from_bytes(digest, "little") % _L
    return (response * _BASE).is_same(commitment + challenge * owner)


def _decoded(encoded: bytes) -> _Point | None:
    """The point of 32 bytes: y, and the sign of x in the last bit (section 5.1.3)."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P == -u % _P:
        x = x * _SQRT_MINUS_1 % _P
    if v * x * x % _P != u or (sign and not x):
        return None
    if x & 1 != sign:
        x = _P - x
    return _Point(x, y, 1, x * y % _P)


def _base() -> _Point:
    """The base point, of which the RFC gives y = 4/5 and an even x (section 5.1)."""
    found = _decoded((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    if found is None:
        raise ArithmeticError("the base point is not on the curve")
    return found


_BASE = _base()
