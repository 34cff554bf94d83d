"""Ed25519 signature verification in plain Python, so that a device needs no package for it.

RFC 8032, Edwards-Curve Digital Signature Algorithm, section 5.1. Verification handles only public
data (key, signature, message), so it need not run in constant time. Signing, which would, is not
here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

KEY_SIZE = 32
"""Size of a public key in bytes (section 5.1.5)."""
SIGNATURE_SIZE = 64
"""Size of a signature in bytes: a point R, then an integer S (section 5.1.6)."""

_P = 2**255 - 19
"""Prime of the field (section 5.1)."""
_L = 2**252 + 27742317777372353535851937790883648493
"""Order of the base point (section 5.1)."""
_COFACTOR = 8
"""Number of points on the curve divided by ``_L`` (section 5.1)."""
_D = -121665 * pow(121666, -1, _P) % _P
"""Constant of the curve ``-x^2 + y^2 = 1 + d x^2 y^2`` (section 5.1)."""
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)
"""Square root of -1, which turns one candidate root into the other (section 5.1.3, step 3)."""


@dataclass(frozen=True)
class _Point:
    """A point in extended homogeneous coordinates: x = X/Z, y = Y/Z, x y = T/Z (5.1.4)."""

    x: int
    y: int
    z: int
    t: int

    def __add__(self, other: _Point) -> _Point:
        # The complete formulas of section 5.1.4, which also double.
        a = (self.y - self.x) * (other.y - other.x) % _P
        b = (self.y + self.x) * (other.y + other.x) % _P
        c = 2 * _D * self.t * other.t % _P
        d = 2 * self.z * other.z % _P
        e, f, g, h = b - a, d - c, d + c, b + a
        return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)

    def __rmul__(self, factor: int) -> _Point:
        total, double = _NEUTRAL, self
        while factor:
            if factor & 1:
                total += double
            double += double
            factor >>= 1
        return total

    def equals(self, other: _Point) -> bool:
        """Return whether both are the same point, whatever their Z."""
        return (
            (self.x * other.z - other.x * self.z) % _P
            == 0
            == (self.y * other.z - other.y * self.z) % _P
        )


_NEUTRAL = _Point(0, 1, 1, 0)


def is_valid_key(key: bytes) -> bool:
    """Return whether bytes encode a public key under which a forgery is hard.

    Refuses the eight points of small order: under such a key, signatures can be made without any
    secret, for one message in eight or for all.

    Args:
        key: 32 bytes; any other number is not a key.
    """
    return _decode_key(key) is not None


def is_valid_signature(message: bytes, *, signature: bytes, key: bytes) -> bool:
    """Return whether a signature is the key owner's signature of a message (section 5.1.7).

    Args:
        message: the signed bytes.
        signature: 64 bytes; any other number is not a signature.
        key: the public key, see ``is_valid_key``.
    """
    owner = _decode_key(key)
    if owner is None or len(signature) != SIGNATURE_SIZE:
        return False
    commitment = _decode_point(signature[:32])
    response = int.from_bytes(signature[32:], "little")
    # With S + L in place of S, anyone could make a second signature of a signed message.
    if commitment is None or response >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    challenge = int.from_bytes(digest, "little") % _L
    return (response * _BASE).equals(commitment + challenge * owner)


def _decode_key(key: bytes) -> _Point | None:
    point = _decode_point(key) if len(key) == KEY_SIZE else None
    if point is None or (_COFACTOR * point).equals(_NEUTRAL):
        return None
    return point


def _decode_point(encoded: bytes) -> _Point | None:
    """Decode y, and the sign of x in the last bit; None if no point has them (section 5.1.3)."""
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


def _base_point() -> _Point:
    """Return the point with y = 4/5 and an even x (section 5.1)."""
    point = _decode_point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    if point is None:
        raise ArithmeticError("the base point is not on the curve")
    return point


_BASE = _base_point()
