from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_edge.deployment.ed25519 import is_valid_key, is_valid_signature
from tests.support.signing import (
    NEUTRAL,
    ORDER,
    Point,
    Signer,
    add,
    challenge,
    encode,
    multiply,
    small_order_points,
)

PRIME = 2**255 - 19
MESSAGE = b"the manifest of a model"

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
    """Decode one of the RFC's vectors."""
    return tuple(map(bytes.fromhex, VECTORS[request.param]))


def test_the_test_vectors_of_the_rfc_are_valid(vector: tuple[bytes, ...]) -> None:
    secret, key, message, signature = vector
    assert is_valid_signature(message, signature=signature, key=key)
    assert Signer(secret).key == key
    assert Signer(secret).sign(message) == signature


def test_a_flipped_bit_anywhere_invalidates_the_signature(vector: tuple[bytes, ...]) -> None:
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


@pytest.fixture(scope="module")
def signer() -> Signer:
    """A holder of a private key."""
    return Signer(bytes(range(32)))


@pytest.fixture(scope="module")
def signature(signer: Signer) -> bytes:
    """The signature of ``MESSAGE``."""
    return signer.sign(MESSAGE)


@pytest.fixture(scope="module")
def weak() -> list[Point]:
    """The points whose order divides 8."""
    return small_order_points()


def holds(key: Point, encoded: bytes, message: bytes, commitment: Point, signed: bytes) -> bool:
    """Check the equation of section 5.1.7 with the tests' own arithmetic."""
    factor = challenge(signed[:32], encoded, message)
    response = int.from_bytes(signed[32:], "little")
    return multiply(response) == add(commitment, multiply(factor, key))


@pytest.mark.parametrize("times", range(1, 15))
def test_a_scalar_not_below_the_order_is_refused(
    times: int, signer: Signer, signature: bytes
) -> None:
    # The equation holds for each of them: they would be other signatures of what was signed.
    larger = int.from_bytes(signature[32:], "little") + times * ORDER
    malleated = signature[:32] + larger.to_bytes(32, "little")
    assert not is_valid_signature(MESSAGE, signature=malleated, key=signer.key)


RESPONSES = {
    "0": 0,
    "1": 1,
    "the order less 1": ORDER - 1,
    "the order": ORDER,
    "the order and 1": ORDER + 1,
    "the prime": PRIME,
    "2**252": 1 << 252,
    "2**255": 1 << 255,
    "2**256 - 1": (1 << 256) - 1,
}


@pytest.mark.parametrize("response", RESPONSES)
def test_a_wrong_scalar_is_refused(response: str, signer: Signer, signature: bytes) -> None:
    encoded = RESPONSES[response].to_bytes(32, "little")
    for commitment in (signature[:32], signer.key, encode(NEUTRAL), bytes(32)):
        assert not is_valid_signature(MESSAGE, signature=commitment + encoded, key=signer.key)


@pytest.mark.parametrize("bit", [253, 254, 255])
def test_the_high_bits_of_the_scalar_are_checked(
    bit: int, signer: Signer, signature: bytes
) -> None:
    larger = int.from_bytes(signature[32:], "little") | 1 << bit
    changed = signature[:32] + larger.to_bytes(32, "little")
    assert not is_valid_signature(MESSAGE, signature=changed, key=signer.key)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 63, 65, 96, 128])
def test_a_signature_of_another_length_is_refused(
    size: int, signer: Signer, signature: bytes
) -> None:
    changed = (signature + bytes(64))[:size]
    assert not is_valid_signature(MESSAGE, signature=changed, key=signer.key)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_key_of_another_length_is_refused(size: int, signer: Signer, signature: bytes) -> None:
    changed = (signer.key + bytes(32))[:size]
    assert not is_valid_key(changed)
    assert not is_valid_signature(MESSAGE, signature=signature, key=changed)


def test_reordered_bytes_are_not_a_signature(signer: Signer, signature: bytes) -> None:
    commitment, response = signature[:32], signature[32:]
    for changed in (
        response + commitment,
        commitment + response[::-1],
        commitment[::-1] + response,
        signature[::-1],
        commitment + commitment,
        response + response,
        bytes(64),
        b"\xff" * 64,
    ):
        assert not is_valid_signature(MESSAGE, signature=changed, key=signer.key)
    assert not is_valid_signature(MESSAGE, signature=signature, key=signer.key[::-1])


def test_halves_of_two_signatures_are_not_a_signature(signer: Signer, signature: bytes) -> None:
    other = signer.sign(MESSAGE + b".")
    for mixed in (signature[:32] + other[32:], other[:32] + signature[32:]):
        for message in (MESSAGE, MESSAGE + b"."):
            assert not is_valid_signature(message, signature=mixed, key=signer.key)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        MESSAGE[:-1],
        MESSAGE[1:],
        MESSAGE + b"\0",
        b"\0" + MESSAGE,
        MESSAGE * 2,
        hashlib.sha512(MESSAGE).digest(),
    ],
)
def test_a_signature_is_valid_for_its_message_only(
    message: bytes, signer: Signer, signature: bytes
) -> None:
    assert is_valid_signature(MESSAGE, signature=signature, key=signer.key)
    assert not is_valid_signature(message, signature=signature, key=signer.key)


@pytest.mark.parametrize(("flag", "context"), [(0, b""), (0, b"foo"), (1, b""), (1, b"foo")])
def test_ed25519ctx_and_ed25519ph_signatures_are_refused(
    flag: int, context: bytes, signer: Signer
) -> None:
    # Ed25519ctx and Ed25519ph (sections 2 and 5.1): a key must not serve two kinds at once.
    domain = b"SigEd25519 no Ed25519 collisions" + bytes([flag, len(context)]) + context
    message = hashlib.sha512(MESSAGE).digest() if flag else MESSAGE
    signed = signer.sign(message, domain=domain)
    assert not is_valid_signature(MESSAGE, signature=signed, key=signer.key)
    assert not is_valid_signature(message, signature=signed, key=signer.key)


def test_a_point_has_one_encoding(signer: Signer) -> None:
    # To the neutral point there are four ways, of which the RFC allows one (section 5.1.3).
    encodings = [y | sign << 255 for y in (1, PRIME + 1) for sign in (0, 1)]
    found = []
    for encoding in encodings:
        commitment = encoding.to_bytes(32, "little")
        response = challenge(commitment, signer.key, MESSAGE) * signer.scalar % ORDER
        signed = commitment + response.to_bytes(32, "little")
        assert holds(multiply(signer.scalar), signer.key, MESSAGE, NEUTRAL, signed)
        found.append(is_valid_signature(MESSAGE, signature=signed, key=signer.key))
    assert found == [True, False, False, False]


@pytest.mark.parametrize("number", range(8))
def test_a_key_of_small_order_is_refused(number: int, weak: list[Point]) -> None:
    # The equation holds without a secret for one message in eight, and for all with order 1.
    key, encoded = weak[number], encode(weak[number])
    assert not is_valid_key(encoded)
    forged = 0
    for count in range(64):
        message = MESSAGE + bytes([count])
        signed = encode(multiply(5)) + (5).to_bytes(32, "little")
        if challenge(signed[:32], encoded, message) % 8 == 0 or number == 0:
            assert holds(key, encoded, message, multiply(5), signed)
            forged += 1
            assert not is_valid_signature(message, signature=signed, key=encoded)
        if forged == 2:
            return
    pytest.fail("no message for which the equation holds")


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [0, 1, PRIME - 1, PRIME, PRIME + 1])
def test_every_encoding_of_a_small_order_point_is_refused(
    y: int, sign: int, signature: bytes
) -> None:
    encoded = (y | sign << 255).to_bytes(32, "little")
    assert not is_valid_key(encoded)
    assert not is_valid_signature(MESSAGE, signature=signature, key=encoded)


def test_all_zeros_and_all_ones_are_refused_as_keys(signature: bytes) -> None:
    for byte in (b"\0", b"\1", b"\x7f", b"\x80", b"\xff"):
        assert not is_valid_signature(MESSAGE, signature=signature, key=byte * 32)
        assert not is_valid_signature(b"", signature=bytes(64), key=byte * 32)


def test_verification_uses_the_cofactorless_equation(signer: Signer, weak: list[Point]) -> None:
    # The RFC allows either equation; this one is the stricter, and the one of most libraries.
    key = add(multiply(signer.scalar), weak[1])
    encoded, commitment = encode(key), encode(multiply(7))
    found = {}
    for count in range(64):
        message = MESSAGE + bytes([count])
        factor = challenge(commitment, encoded, message)
        response = (7 + factor * signer.scalar) % ORDER
        signed = commitment + response.to_bytes(32, "little")
        expected = factor % 8 == 0
        if expected not in found:
            assert holds(key, encoded, message, multiply(7), signed) is expected
            found[expected] = is_valid_signature(message, signature=signed, key=encoded)
    assert found == {True: True, False: False}


@pytest.mark.parametrize(
    "key",
    [
        b"\xff" * 32,  # y beyond the prime
        b"\x01" + b"\0" * 30 + b"\x80",  # x = 0 with a sign
        b"\x02" + b"\0" * 31,  # no point has this y
    ],
)
def test_a_key_that_is_not_a_point_is_refused(key: bytes, vector: tuple[bytes, ...]) -> None:
    _, good, message, signature = vector
    assert not is_valid_signature(message, signature=signature, key=key)
    assert not is_valid_signature(message, signature=key + signature[32:], key=good)


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", range(19))
def test_a_key_has_one_encoding(y: int, sign: int, signature: bytes) -> None:
    # Of any order: nineteen values of y fit into 255 bits a second time, beyond the prime.
    encoded = (PRIME + y | sign << 255).to_bytes(32, "little")
    assert not is_valid_key(encoded)
    assert not is_valid_signature(MESSAGE, signature=signature, key=encoded)


def test_a_signature_without_its_last_zero_byte_is_refused(signer: Signer) -> None:
    # Programs that write numbers as short as they are leave it out.
    messages = (f"{count}".encode() for count in range(1000))
    signed = ((message, signer.sign(message)) for message in messages)
    message, signature = next(pair for pair in signed if pair[1][-1] == 0)
    assert is_valid_signature(message, signature=signature, key=signer.key)
    for changed in (signature[:-1], b"\0" + signature[:-1], signature[:-1] + b"\1"):
        assert not is_valid_signature(message, signature=changed, key=signer.key)


def alterations(signature: bytes) -> dict[str, bytes]:
    """What may be made of a signature, by what was done to it."""
    commitment, response = signature[:32], int.from_bytes(signature[32:], "little")
    y = int.from_bytes(commitment, "little")
    return {
        "nothing": signature,
        "the order added": commitment + (response + ORDER).to_bytes(32, "little"),
        "twice the order added": commitment + (response + 2 * ORDER).to_bytes(32, "little"),
        "negated": commitment + (-response % ORDER).to_bytes(32, "little"),
        "the commitment negated": (y ^ 1 << 255).to_bytes(32, "little") + signature[32:],
        "both negated": (y ^ 1 << 255).to_bytes(32, "little")
        + (-response % ORDER).to_bytes(32, "little"),
        "the high bit set": signature[:-1] + bytes([signature[-1] | 0x80]),
        "a byte less": signature[:-1],
        "a byte more": signature + b"\0",
        "of a zero response": commitment + bytes(32),
        "of a neutral commitment": encode(NEUTRAL) + signature[32:],
        "a bit of each flipped": bytes(byte ^ 1 for byte in signature),
    }


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_openssl_takes_the_same_signatures(signer: Signer, tmp_path: Path) -> None:
    key, message, file = tmp_path / "key.pem", tmp_path / "message", tmp_path / "signature"
    key.write_text(signer.pem)
    words = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(key)]
    words += ["-in", str(message), "-sigfile", str(file)]
    for content in (MESSAGE, bytes(200)):
        message.write_bytes(content)
        for change, altered in alterations(signer.sign(content)).items():
            file.write_bytes(altered)
            ran = subprocess.run(words, check=False, capture_output=True)
            found = is_valid_signature(content, signature=altered, key=signer.key)
            assert found == (ran.returncode == 0) == (change == "nothing"), change


@settings(max_examples=5)
@given(secret=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_a_signature_is_valid_for_its_key_only(secret: bytes, message: bytes) -> None:
    signer, other = Signer(secret), Signer(bytes(byte ^ 1 for byte in secret))
    signature = signer.sign(message)
    assert is_valid_signature(message, signature=signature, key=signer.key)
    assert not is_valid_signature(message, signature=signature, key=other.key)


@given(message=st.binary(max_size=80), signature=st.binary(max_size=80), key=st.binary(max_size=40))
def test_random_bytes_are_no_signature(message: bytes, signature: bytes, key: bytes) -> None:
    assert not is_valid_signature(message, signature=signature, key=key)
