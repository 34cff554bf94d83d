from __future__ import annotations

import gzip
import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.mnist import (
    Digits,
    Mnist,
    load_mnist,
    load_test_digits,
    locate_mnist,
    validation_indices,
)
from mnist_edge.errors import DataError, DataHashMismatch, DataUnavailable, MalformedData

NAMES = {
    "train-images-idx3-ubyte": "x_train",
    "train-labels-idx1-ubyte": "y_train",
    "t10k-images-idx3-ubyte": "x_test",
    "t10k-labels-idx1-ubyte": "y_test",
}
"""Names of the original files and of Keras' arrays."""
IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array: NDArray[np.uint8]) -> bytes:
    """Encode an array in the IDX format: 2051 for images, 2049 for labels, the sizes, the bytes."""
    magic = {3: 2051, 1: 2049}[array.ndim]
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()


def zipped(content: bytes) -> bytes:
    # Stored rather than compressed: 55 MB would take seconds.
    return gzip.compress(content, compresslevel=0)


def npz(**arrays: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def write_zipped(originals: Path, folder: Path) -> Path:
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(zipped((originals / name).read_bytes()))
    return folder


def write_mixed(originals: Path, folder: Path) -> Path:
    for name in NAMES:
        content = (originals / name).read_bytes()
        if "labels" in name:
            (folder / name).write_bytes(content)
        else:
            (folder / f"{name}.gz").write_bytes(zipped(content))
    return folder


def write_npz(originals: Path, folder: Path) -> Path:
    arrays = {}
    for name, key in NAMES.items():
        header, shape = (16, (-1, 28, 28)) if "images" in name else (8, (-1,))
        content = (originals / name).read_bytes()
        arrays[key] = np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    (folder / "mnist.npz").write_bytes(npz(**arrays))
    return folder / "mnist.npz"


def write_zipped_npz(originals: Path, folder: Path) -> Path:
    path = folder / "mnist.npz.gz"
    path.write_bytes(zipped(write_npz(originals, folder).read_bytes()))
    return path


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda originals, _: originals, id="plain"),
        pytest.param(write_zipped, id="gzipped"),
        pytest.param(write_mixed, id="mixed", marks=pytest.mark.slow),
        pytest.param(write_npz, id="npz"),
        pytest.param(write_zipped_npz, id="gzipped npz", marks=pytest.mark.slow),
    ],
)
def test_every_form_of_the_data_gives_the_same_splits(
    write: Callable[[Path, Path], Path], originals: Path, mnist: Mnist, tmp_path: Path
) -> None:
    found = load_mnist(write(originals, tmp_path))
    assert np.array_equal(found.train_indices, mnist.train_indices)
    for split in ("train", "validation", "test"):
        one, other = getattr(found, split), getattr(mnist, split)
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)
    # pytest keeps the folders of its last runs, and these are 55 MB each.
    for path in tmp_path.iterdir():
        path.unlink()


def test_the_splits_have_their_sizes_and_share_no_digit(
    mnist: Mnist, arrays: dict[str, NDArray[np.uint8]]
) -> None:
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (55_000, 5_000, 10_000)
    assert len(np.unique(mnist.train_indices)) == 55_000
    validation = np.setdiff1d(np.arange(60_000), mnist.train_indices)
    labels = arrays["train-labels-idx1-ubyte"]
    # Indices are unique, so that no digit is in both.
    assert np.array_equal(labels[mnist.train_indices], mnist.train.labels)
    assert np.array_equal(validation_indices(labels), validation)
    for split in (mnist.train, mnist.validation, mnist.test):
        assert split.images.shape == (len(split), 28, 28)
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert set(split.labels.tolist()) == set(range(10))


def test_the_validation_digits_are_always_the_same(mnist: Mnist) -> None:
    validation = np.setdiff1d(np.arange(60_000), mnist.train_indices)
    assert (
        hashlib.sha256(validation.astype("<i8").tobytes()).hexdigest()
        == "a89589bfeda91f15bd6d48fd0a9746c35518f76b11ccf93b9a9f40f459d3d7bc"
    )


def test_each_label_has_its_share_of_the_validation_digits(mnist: Mnist) -> None:
    everything = np.bincount(mnist.train.labels) + np.bincount(mnist.validation.labels)
    share = everything * 5_000 / 60_000
    assert np.abs(np.bincount(mnist.validation.labels) - share).max() < 1


def test_take_keeps_the_order_of_the_indices(test_digits: Digits) -> None:
    taken = test_digits.take(np.array([7, 3, 3]))
    assert taken.labels.tolist() == test_digits.labels[[7, 3, 3]].tolist()
    assert np.array_equal(taken.images[1], test_digits.images[3])
    assert len(taken) == 3


@pytest.fixture
def folder(test_digits: Digits, tmp_path: Path) -> Path:
    """A folder with the two files of the test split."""
    (tmp_path / IMAGES).write_bytes(idx(test_digits.images))
    (tmp_path / LABELS).write_bytes(idx(test_digits.labels))
    return tmp_path


def check_refusal(data: Path, kind: type[DataError], said: str) -> None:
    with pytest.raises(kind, match=said) as refused:
        load_test_digits(data)
    assert type(refused.value) is kind
    assert "\n" not in str(refused.value)


def test_the_test_split_needs_its_own_two_files_alone(folder: Path, test_digits: Digits) -> None:
    found = load_test_digits(folder)
    assert np.array_equal(found.images, test_digits.images)
    assert np.array_equal(found.labels, test_digits.labels)
    with pytest.raises(DataUnavailable, match="train-images"):
        load_mnist(folder)


@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    check_refusal(folder, DataUnavailable, f"neither {name} nor {name}.gz")


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize("kept", [0, 3, 7, 1_000, -1])
def test_a_truncated_file_is_refused(name: str, kept: int, folder: Path) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:kept])
    check_refusal(folder, MalformedData, f"{name} (is truncated|has .*truncated or damaged)")


@pytest.mark.parametrize("kept", [0, 5, 15, 1_000, -9])
def test_a_truncated_gzip_is_refused(kept: int, folder: Path) -> None:
    content = gzip.compress((folder / LABELS).read_bytes())
    (folder / LABELS).unlink()
    (folder / f"{LABELS}.gz").write_bytes(content[:kept])
    check_refusal(folder, MalformedData, f"{LABELS}.gz")


def test_a_gzip_with_a_flipped_bit_is_refused(folder: Path) -> None:
    content = bytearray(gzip.compress((folder / LABELS).read_bytes()))
    content[len(content) // 2] ^= 1
    (folder / LABELS).unlink()
    (folder / f"{LABELS}.gz").write_bytes(content)
    check_refusal(folder, MalformedData, f"cannot read .*{LABELS}.gz")


def test_swapped_files_are_detected_by_their_magic_number(folder: Path) -> None:
    (folder / LABELS).write_bytes((folder / IMAGES).read_bytes())
    check_refusal(folder, MalformedData, "magic number 0x00000803, expected 0x00000801")


def test_images_of_another_size_are_refused(folder: Path) -> None:
    (folder / IMAGES).write_bytes(idx(np.zeros((10_000, 14, 56), np.uint8)))
    check_refusal(folder, MalformedData, "10000x14x56")


def test_images_and_labels_of_different_counts_are_refused(
    folder: Path, test_digits: Digits
) -> None:
    (folder / LABELS).write_bytes(idx(test_digits.labels[:-1]))
    check_refusal(folder, MalformedData, "10000 t10k images but 9999 labels")


def test_a_changed_pixel_is_detected(folder: Path) -> None:
    content = bytearray((folder / IMAGES).read_bytes())
    content[-400] ^= 1
    (folder / IMAGES).write_bytes(content)
    check_refusal(folder, DataHashMismatch, "t10k-images from .* is not MNIST's: sha256")


def test_a_changed_label_is_detected(folder: Path) -> None:
    content = bytearray((folder / LABELS).read_bytes())
    content[-1] ^= 1
    (folder / LABELS).write_bytes(content)
    check_refusal(folder, DataHashMismatch, "t10k-labels from .* is not MNIST's: sha256")


@pytest.mark.parametrize("name", ["x_test", "y_test"])
def test_an_npz_that_lacks_an_array_is_refused(
    name: str, test_digits: Digits, tmp_path: Path
) -> None:
    arrays = {"x_test": test_digits.images[:3], "y_test": test_digits.labels[:3]}
    del arrays[name]
    (tmp_path / "mnist.npz").write_bytes(npz(**arrays))
    check_refusal(tmp_path / "mnist.npz", MalformedData, f"has no array {name}; expected x_train")


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((10, 28, 28), np.float32), "x_test in .* is float32"),
        (np.zeros((10, 28, 28, 1), np.uint8), r"of shape \(10, 28, 28, 1\)"),
        (np.zeros((10, 784), np.uint8), r"of shape \(10, 784\)"),
        (np.array(7, np.uint8), r"of shape \(\)"),
        (np.array([{}], object), "is not a readable .npz"),
        (np.zeros((9, 28, 28), np.uint8), "9 t10k images but 10 labels"),
    ],
    ids=["real", "channels", "rows", "scalar", "objects", "counts"],
)
def test_an_npz_with_other_arrays_is_refused(
    images: NDArray[np.generic], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "mnist.npz"
    path.write_bytes(npz(x_test=images, y_test=np.zeros(10, np.uint8)))
    check_refusal(path, MalformedData, said)


def test_an_npz_of_other_digits_is_refused(tmp_path: Path, test_digits: Digits) -> None:
    path = tmp_path / "mnist.npz"
    path.write_bytes(npz(x_test=255 - test_digits.images, y_test=test_digits.labels))
    check_refusal(path, DataHashMismatch, "t10k-images from .*mnist.npz is not MNIST's")


def one_array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3, np.uint8))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive",
        b"PK\x03\x04 nearly",
        b"\x1f\x8b nearly",
        gzip.compress(b"not an archive"),
        one_array(),
        npz(x_test=np.zeros((9, 28, 28), np.uint8))[:-200],
    ],
    ids=["empty", "words", "zip", "gzip", "zipped words", "npy", "truncated"],
)
def test_a_file_that_is_not_an_npz_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(content)
    check_refusal(tmp_path / "mnist.npz", MalformedData, "mnist.npz is not a readable .npz")


def test_an_npz_with_any_byte_damaged_is_refused(tmp_path: Path) -> None:
    whole = npz(x_test=np.zeros((1, 28, 28), np.uint8), y_test=np.zeros(1, np.uint8))
    path = tmp_path / "mnist.npz"
    # Directory and headers, where the damage is most varied, are at both ends.
    for position in [*range(200), *range(len(whole) - 250, len(whole))]:
        content = bytearray(whole)
        content[position] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(DataError) as refused:
            load_test_digits(path)
        assert "\n" not in str(refused.value)


def test_missing_data_names_what_is_expected(tmp_path: Path) -> None:
    check_refusal(tmp_path / "none", DataUnavailable, "no data at .*none; expected an .npz with")
    check_refusal(Path("d" * 300), DataUnavailable, "no data at ddd")


def test_the_environment_variable_names_the_data(
    folder: Path, test_digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_EDGE_DATA", str(folder))
    assert locate_mnist() == folder
    assert np.array_equal(load_test_digits().labels, test_digits.labels)
    monkeypatch.setenv("MNIST_EDGE_DATA", str(tmp_path / "none"))
    with pytest.raises(DataUnavailable, match=r"no data at .*none"):
        locate_mnist()
    # The argument overrides the environment variable.
    assert locate_mnist(folder) == folder
