"""The fifteen corruptions of MNIST-C, at five severities each.

The corruptions are those of N. Mu and J. Gilmer, MNIST-C: A Robustness Benchmark for Computer
Vision, 2019, https://arxiv.org/abs/1906.02337, reimplemented from the paper's descriptions. The
kinds and their order are the paper's; the implementations and the five severities are our own.
Accuracies on these digits can be compared between models, but not with accuracies on the paper's
files.

Those files have one severity of each kind. By the constants in the authors' code
(https://github.com/google-research/mnist-c), where the unit is the same, theirs corresponds to our
severity 4 for shot noise (3 photons), between 4 and 5 for impulse noise (17 % of the pixels), 2 for
shear (0.4), scale (0.7) and rotation (23 degrees), between 2 and 3 for translation (4.2 pixels),
5 for brightness (half of full ink), and above 5 for fog (twice as dense). Their stripe inverts both
sides of the picture, ours the middle.

The severities were chosen by the accuracy of ``models/cnn`` in int8, a plain CNN trained without
corruptions, on 1,000 MNIST test digits, of which it reads 98.5 % uncorrupted. At the default
severity it is above chance for every kind, and accuracy never rises with severity:

=============  =====  =====  =====  =====  =====
kind               1      2      3      4      5
=============  =====  =====  =====  =====  =====
shot-noise      98.2   98.0   96.9   93.4   83.0
impulse-noise   97.5   95.6   91.6   86.1   74.8
glass-blur      96.8   95.8   93.7   83.1   67.0
motion-blur     98.6   96.6   94.5   81.0   58.9
shear           98.2   97.1   90.4   78.3   61.6
scale           96.9   91.9   77.2   50.4   28.6
rotate          97.4   93.7   81.9   61.8   41.8
brightness      98.6   98.6   98.5   98.4   97.2
translate       94.3   74.7   39.6   19.3   10.9
stripe          79.0   69.7   60.0   52.6   44.3
fog             98.5   98.4   98.2   98.1   93.2
spatter         97.8   95.5   91.9   86.5   80.6
dotted-line     98.4   96.7   88.0   75.7   63.8
zigzag          98.0   93.1   78.2   63.3   50.5
canny-edges     70.5   67.0   63.6   56.2   52.7
=============  =====  =====  =====  =====  =====

A model trained to reject outliers, such as ``edge`` and ``nano``, can be at chance under brightness
and fog from severity 3 when it gets the corrupted pixels directly. The cause is the model, not the
corruption: behind the front end of ``mnist_edge.preprocessing.pipeline``, as in ``predict``,
``edge`` reads 100 of 100 such digits. The first two severities of both are small so that such
models show a gradual drop.

The corruption of a digit depends only on the kind, the severity, the seed and the digit's position
in its set, so any batch of digits is corrupted as it is within the whole set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.corruptions.blurs import canny_edges, glass_blur, motion_blur
from mnist_edge.data.corruptions.geometry import rotate, scale, shear, translate
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom
from mnist_edge.data.corruptions.light import brightness, fog, impulse_noise, shot_noise
from mnist_edge.data.corruptions.overlays import dotted_line, spatter, stripe, zigzag
from mnist_edge.errors import InvalidValue, UnknownName

Corruption = Callable[[Images, int, KeyedRandom], Images]
"""Maps ``(n, 28, 28)`` ink in 0..1, a severity in 1..5 and the digits' random numbers to ink of the
same shape, which may lie slightly outside 0..1."""

CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "shot-noise": shot_noise,
        "impulse-noise": impulse_noise,
        "glass-blur": glass_blur,
        "motion-blur": motion_blur,
        "shear": shear,
        "scale": scale,
        "rotate": rotate,
        "brightness": brightness,
        "translate": translate,
        "stripe": stripe,
        "fog": fog,
        "spatter": spatter,
        "dotted-line": dotted_line,
        "zigzag": zigzag,
        "canny-edges": canny_edges,
    }
)
"""The fifteen corruptions by name, in the paper's order; applied by ``corrupt``."""
SEVERITIES = (1, 2, 3, 4, 5)
"""From mild to severe."""
DEFAULT_SEVERITY = 3
"""The middle severity."""

_CHUNK_SIZE = 500
"""Digits corrupted at a time: at most 40 MB of random numbers, which fits a Raspberry Pi."""


def corrupt(
    images: NDArray[np.uint8],
    kind: str,
    *,
    severity: int = DEFAULT_SEVERITY,
    seed: int = 0,
    first: int = 0,
) -> NDArray[np.uint8]:
    """Apply one kind of corruption to digits.

    Args:
        images: ``(n, 28, 28) uint8``, 0 background, 255 ink; not modified.
        kind: one of ``CORRUPTIONS``.
        severity: one of ``SEVERITIES``.
        seed: 0 or more; selects other random numbers.
        first: index of the first digit in the set that it is from, 0 or more.

    Returns:
        ``(n, 28, 28) uint8``, reproducible on the same machine. On another machine a pixel may
        differ by one gray level where sines are rounded differently.

    Raises:
        UnknownName: there is no such kind.
        InvalidValue: the images have another shape or dtype, or a number is out of range.
    """
    if kind not in CORRUPTIONS:
        raise UnknownName("corruption", kind, CORRUPTIONS)
    if severity not in SEVERITIES:
        raise InvalidValue(f"severity {severity} must be {SEVERITIES[0]}..{SEVERITIES[-1]}")
    if seed < 0 or first < 0:
        raise InvalidValue(f"seed {seed} and first {first} must be 0 or more")
    if images.shape[1:] != DIGIT_SHAPE or images.dtype != np.uint8:
        raise InvalidValue(
            f"images of shape {images.shape} and dtype {images.dtype}; "
            "expected shape (n, 28, 28) and dtype uint8"
        )
    corrupted = np.empty_like(images)
    for start in range(0, len(images), _CHUNK_SIZE):
        chunk = images[start : start + _CHUNK_SIZE]
        rng = KeyedRandom(f"{seed}/{kind}", first=first + start, count=len(chunk))
        ink = CORRUPTIONS[kind](chunk.astype(np.float32) / np.float32(255), severity, rng)
        corrupted[start : start + _CHUNK_SIZE] = np.rint(255 * np.clip(ink, 0, 1))
    return corrupted
