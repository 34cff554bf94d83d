from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_edge.deployment.ed25519 import is_valid_signature
from tests.support.signing import Signer

_ORDER = 2**252 + 27742317777372353535851937790883648493

VECTORS = {
    "empty": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "one byte": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "two bytes": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "sha512 of abc": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}
"""Secret key, public key, message and signature, from RFC 8032, section 7.1."""


@pytest.fixture(params=VECTORS)
def vector(request: pytest.FixtureRequest) -> tuple[bytes, ...]:
    """One of the RFC's vectors, as bytes."""
    return tuple(map(bytes.fromhex, VECTORS[request.param]))


def test_the_signatures_of_the_rfc_are_good(vector: tuple[bytes, ...]) -> None:
    secret, key, message, signature = vector
    assert is_valid_signature(message, signature=signature, key=key)
    assert Signer(secret).key == key
    assert Signer(secret).sign(message) == signature


def test_a_flipped_bit_anywhere_makes_it_no_signature(vector: tuple[bytes, ...]) -> None:
    _, key, message, signature = vector
    assert not is_valid_signature(message + b"\0", signature=signature, key=key)
    for bit in range(0, 512, 37):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not is_valid_signature(message, signature=bytes(flipped), key=key)
    for bit in range(0, 256, 37):
        flipped = bytearray(key)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not is_valid_signature(message, signature=signature, key=bytes(flipped))


def test_a_number_beyond_the_order_is_refused(vector: tuple[bytes, ...]) -> None:
    # The same point, so that without the rule anybody could make a second signature of it.
    _, key, message, signature = vector
    larger = int.from_bytes(signature[32:], "little") + _ORDER
    malleated = signature[:32] + larger.to_bytes(32, "little")
    assert not is_valid_signature(message, signature=malleated, key=key)


@pytest.mark.parametrize(
    "key",
    [
        b"\xff" * 32,  # y beyond the prime
        b"\x01" + b"\0" * 30 + b"\x80",  # x = 0 with a sign
        b"\x02" + b"\0" * 31,  # no point has this y
    ],
)
def test_bytes_that_are_no_point_sign_nothing(key: bytes, vector: tuple[bytes, ...]) -> None:
    _, good, message, signature = vector
    assert not is_valid_signature(message, signature=signature, key=key)
    assert not is_valid_signature(message, signature=key + signature[32:], key=good)


@settings(max_examples=5)
@given(secret=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_what_is_signed_is_signed_by_its_owner_alone(secret: bytes, message: bytes) -> None:
    signer, other = Signer(secret), Signer(bytes(byte ^ 1 for byte in secret))
    signature = signer.sign(message)
    assert is_valid_signature(message, signature=signature, key=signer.key)
    assert not is_valid_signature(message, signature=signature, key=other.key)


@given(message=st.binary(max_size=80), signature=st.binary(max_size=80), key=st.binary(max_size=40))
def test_random_bytes_are_no_signature(message: bytes, signature: bytes, key: bytes) -> None:
    assert not is_valid_signature(message, signature=signature, key=key)
