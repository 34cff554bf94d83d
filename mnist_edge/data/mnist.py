"""Load MNIST: locate it, verify it, split it.

Wherever the four files come from, they are verified against the sha256 in ``idx``. The splits are
fixed: 55,000 digits to train on, 5,000 to validate on, 10,000 to test on.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.data import idx
from mnist_edge.data.fetch import DATA_VARIABLE, fetch_mnist, missing_files
from mnist_edge.data.idx import SHA256
from mnist_edge.errors import DataUnavailable, MalformedData
from mnist_edge.system.files import exists, read_regular_file
from mnist_edge.system.paths import cache_folder
from mnist_edge.system.text import one_line

TRAIN_SIZE = 55_000
VALIDATION_SIZE = 5_000
SPLIT_SEED = 55_000

_NPZ_KEYS = {
    "train-images": "x_train",
    "train-labels": "y_train",
    "t10k-images": "x_test",
    "t10k-labels": "y_test",
}
"""Names of the four arrays in Keras' ``mnist.npz``."""


ChooseValidation = Callable[[NDArray[np.uint8]], NDArray[np.int64]]
"""Chooses the indices of the 5,000 validation digits from the 60,000 training labels."""


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Labeled digits."""

    images: NDArray[np.uint8]
    """``(n, 28, 28)``, 0 background, 255 ink."""
    labels: NDArray[np.uint8]
    """``(n,)``, 0..9."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> Digits:
        """Return the digits at ``indices``, in that order."""
        return Digits(images=self.images[indices], labels=self.labels[indices])


@dataclass(frozen=True, kw_only=True)
class Mnist:
    """The training, validation and test splits."""

    train: Digits
    """55,000 digits."""
    train_indices: NDArray[np.int64]
    """Their indices among the original 60,000, ascending."""
    validation: Digits
    """5,000 digits, stratified by label."""
    test: Digits
    """The original 10,000."""


def load_mnist(
    data: Path | None = None, *, choose_validation: ChooseValidation | None = None
) -> Mnist:
    """Load all three splits.

    Args:
        data: an ``.npz`` with Keras' names, or a folder of IDX files, plain or gzipped. By default
            ``MNIST_EDGE_DATA`` or the user's cache, which is filled if necessary.
        choose_validation: by default ``validation_indices``; another only to compare with published
            results.

    Raises:
        DataError: the data is unavailable, malformed, or not MNIST.
    """
    source = locate_mnist(data)
    everything = _read_digits(source, "train")
    validation = (choose_validation or validation_indices)(everything.labels)
    train = np.setdiff1d(np.arange(len(everything)), validation)
    return Mnist(
        train=everything.take(train),
        train_indices=train,
        validation=everything.take(validation),
        test=_read_digits(source, "t10k"),
    )


def load_test_digits(data: Path | None = None) -> Digits:
    """Load only the 10,000 test digits; argument and errors as in ``load_mnist``."""
    return _read_digits(locate_mnist(data), "t10k")


def load_local_digits(count: int) -> Digits | None:
    """Load the first ``count`` validation digits, or return None if MNIST is not on this machine.

    Raises:
        DataError: the data on this machine is damaged, or is not MNIST.
    """
    if not os.environ.get(DATA_VARIABLE) and missing_files(cache_folder()):
        return None
    everything = _read_digits(locate_mnist(), "train")
    return everything.take(validation_indices(everything.labels)[:count])


def locate_mnist(data: Path | None = None) -> Path:
    """Return the file or folder that holds MNIST, fetching it into the cache if necessary.

    Args:
        data: as in ``load_mnist``.

    Raises:
        DataUnavailable: the named file or folder does not exist, or MNIST cannot be fetched.
        NotWritable: the cache folder cannot be written.
    """
    named = data or (Path(value) if (value := os.environ.get(DATA_VARIABLE)) else None)
    if named is not None:
        if not exists(named):
            raise DataUnavailable(
                f"no data at {named}; expected an .npz with {', '.join(_NPZ_KEYS.values())}, or a "
                f"folder with {', '.join(map(idx.file_name, SHA256))} (plain or .gz)"
            )
        return named
    return fetch_mnist()


def validation_indices(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the indices of the validation split among the 60,000 training digits.

    Stratified by label: each label has its share of the 5,000, rounded by largest remainder.

    Args:
        labels: ``(60000,) uint8``.

    Returns:
        ``(5000,) int64``, ascending.
    """
    counts = np.bincount(labels, minlength=CLASSES)
    shares = counts * VALIDATION_SIZE / len(labels)
    quotas = np.floor(shares).astype(int)
    short = VALIDATION_SIZE - int(quotas.sum())
    quotas[np.argsort(-(shares - quotas), kind="stable")[:short]] += 1
    # numpy guarantees a stable stream for RandomState, but not for default_rng.
    order = np.random.RandomState(SPLIT_SEED).permutation(len(labels))
    chosen = [order[labels[order] == digit][:quota] for digit, quota in enumerate(quotas)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def first_indices(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the first 5,000 indices: the validation split of TensorFlow 1's tutorials.

    These digits are easier than a random sample: the same network scores about half a point more.
    """
    return np.arange(VALIDATION_SIZE, dtype=np.int64)


def _read_digits(source: Path, part: str) -> Digits:
    images = _read_array(source, f"{part}-images")
    labels = _read_array(source, f"{part}-labels")
    if len(images) != len(labels):
        raise MalformedData(
            f"{source} has {len(images)} {part} images but {len(labels)} labels; "
            "get both files from one source"
        )
    idx.require_hash(f"{part}-images", idx.encode_idx(images), source=source)
    idx.require_hash(f"{part}-labels", idx.encode_idx(labels), source=source)
    return Digits(images=images, labels=labels)


def _read_array(source: Path, key: str) -> NDArray[np.uint8]:
    return _read_idx(source, key) if source.is_dir() else _read_npz(source, key)


def _read_idx(folder: Path, key: str) -> NDArray[np.uint8]:
    plain = folder / idx.file_name(key)
    path = plain if plain.is_file() else plain.with_name(plain.name + ".gz")
    try:
        content = read_regular_file(path)
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except FileNotFoundError as error:
        raise DataUnavailable(
            f"{folder} has neither {plain.name} nor {path.name}; expected images and labels"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedData(
            f"cannot read {path} ({one_line(error)}); copy the file again"
        ) from error
    return idx.parse_idx(key, content, source=path)


def _read_npz(path: Path, key: str) -> NDArray[np.uint8]:
    name = _NPZ_KEYS[key]
    try:
        content = read_regular_file(path)
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            array = archive.get(name)
    # zipfile and numpy raise almost anything for a damaged file.
    except Exception as error:
        raise MalformedData(
            f"{path} is not a readable .npz ({one_line(error)}); expected Keras' mnist.npz, or a "
            "folder of IDX files"
        ) from error
    if array is None:
        raise MalformedData(f"{path} has no array {name}; expected {', '.join(_NPZ_KEYS.values())}")
    shape = DIGIT_SHAPE if key.endswith("images") else ()
    if array.dtype != np.uint8 or array.shape[1:] != shape or not array.ndim:
        raise MalformedData(
            f"{name} in {path} is {array.dtype} of shape {array.shape}; "
            f"expected uint8 of shape {('n', *shape)}"
        )
    return np.ascontiguousarray(array)
