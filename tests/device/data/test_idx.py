from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mnist_edge.data.idx import (
    SHA256,
    encode_idx,
    file_name,
    idx_sha256,
    parse_idx,
    require_hash,
    verify_file,
)
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import DataHashMismatch, MalformedData

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(0, 3), st.just(28), st.just(28)))
LABELS = arrays.arrays(np.uint8, st.integers(0, 20))


def test_files_have_their_original_names() -> None:
    assert [file_name(key) for key in SHA256] == [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ]


@given(images=IMAGES, labels=LABELS)
def test_an_array_is_parsed_from_what_it_was_encoded_to(
    images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> None:
    for key, array in (("t10k-images", images), ("t10k-labels", labels)):
        content = encode_idx(array)
        assert np.array_equal(parse_idx(key, content, source="a file"), array)
        assert idx_sha256(array) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("t10k-labels", b"\0\0\x08", "is truncated: it has 3 bytes, its header alone 8"),
        ("t10k-labels", struct.pack(">2I", 2049, 5) + b"abcd", "has 12 bytes, expected 13"),
        ("t10k-labels", struct.pack(">2I", 2049, 5) + b"abcdef", "has 14 bytes, expected 13"),
        (
            "t10k-labels",
            struct.pack(">2I", 2051, 0),
            "magic number 0x00000803, expected 0x00000801",
        ),
        ("t10k-images", struct.pack(">4I", 2051, 1, 2, 2) + b"abcd", r"by its header \(1x2x2\)"),
    ],
    ids=["header", "short", "long", "magic number", "size"],
)
def test_a_malformed_file_is_refused(key: str, content: bytes, message: str) -> None:
    with pytest.raises(MalformedData, match=message):
        parse_idx(key, content, source="labels.gz")


def test_mnists_own_file_is_verified_and_another_is_not(test_digits: Digits) -> None:
    verify_file("t10k-labels", encode_idx(test_digits.labels), source="here")
    other = encode_idx(test_digits.labels[::-1])
    for check in (verify_file, require_hash):
        with pytest.raises(DataHashMismatch, match="t10k-labels from here is not MNIST's"):
            check("t10k-labels", other, source="here")
