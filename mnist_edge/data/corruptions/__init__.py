"""Digits as they come where MNIST is not: the fifteen kinds of corruption of MNIST-C.

The kinds are those of N. Mu and J. Gilmer, MNIST-C: A Robustness Benchmark for Computer Vision,
2019, https://arxiv.org/abs/1906.02337, made anew from what the paper says of them: the kinds and
their order are the paper's, how each is made and its five strengths are chosen here. Figures over
these digits compare between models, and not with figures over the paper's own files.

Those files have one strength of each kind. On the scales here, where the unit is the same (by the
constants in the authors' code, https://github.com/google-research/mnist-c), it is 4 of shot noise
(3 photons), between 4 and 5 of impulse noise (17 % of the pixels), 2 of shear (0.4), scale (0.7)
and rotation (23 degrees), between 2 and 3 of translation (4.2 pixels), 5 of brightness (half of
full ink), and beyond 5 of fog (twice as thick). Their stripe inverts both sides, ours the middle.

The strengths were chosen by what they do to a plain CNN that never saw a changed digit,
``models/cnn`` in int8, over 1,000 of MNIST's test digits, of which it reads 98.5 %. None puts it at
chance at the default, and every step is read as badly as the one before or worse:

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

A model that was taught to call odd pictures no digit, as ``edge`` and ``nano`` were, can be at
chance under brightness and fog from 3 on, given the bare pixels. That is the model, not the
corruption: through the front end of ``mnist_edge.preprocessing.pipeline``, as photographs are read,
``edge`` reads 100 of 100 such digits. The first two steps of both are small, for a drop to show in
such models.

A digit's corruption depends on the kind, the severity, the seed and where the digit stands, and on
no other digit: any batch of them gives what the whole set would.
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
"""From ``(n, 28, 28)`` ink of 0..1, a severity of 1..5 and the random numbers of those digits to
ink of the same shape, which may lie a little outside 0..1."""

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
"""The fifteen kinds by name, in the paper's order. ``corrupt`` applies them."""
SEVERITIES = (1, 2, 3, 4, 5)
"""From hardly any harm to much."""
DEFAULT_SEVERITY = 3
"""The middle one."""

_CHUNK = 500
"""Digits at a time: their numbers take 40 MB at most, which a Raspberry Pi's memory holds too."""


def corrupt(
    images: NDArray[np.uint8],
    kind: str,
    *,
    severity: int = DEFAULT_SEVERITY,
    seed: int = 0,
    first: int = 0,
) -> NDArray[np.uint8]:
    """Digits with one kind of corruption.

    Args:
        images: ``(n, 28, 28) uint8``, 0 background, 255 ink; left as they are.
        kind: one of ``CORRUPTIONS``.
        severity: one of ``SEVERITIES``.
        seed: 0 or more; another one corrupts alike, but otherwise.
        first: where the first of the digits stands in the set that they are from, 0 or more.

    Returns:
        ``(n, 28, 28) uint8``: the same for the same arguments on the same machine. On another a
        pixel may be off by a grey level where its sines are rounded otherwise.

    Raises:
        UnknownName: there is no such kind.
        InvalidValue: the pixels have another shape or type, or a number is out of range.
    """
    if kind not in CORRUPTIONS:
        raise UnknownName("corruption", kind, CORRUPTIONS)
    if severity not in SEVERITIES:
        raise InvalidValue(f"severity {severity} is outside {SEVERITIES[0]}..{SEVERITIES[-1]}")
    if seed < 0 or first < 0:
        raise InvalidValue(f"seed {seed} and first {first} must be 0 or more")
    if images.shape[1:] != DIGIT_SHAPE or images.dtype != np.uint8:
        raise InvalidValue(
            f"pixels of shape {images.shape} and type {images.dtype} were given; "
            "expected (n, 28, 28) uint8"
        )
    corrupted = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        rng = KeyedRandom(f"{seed}/{kind}", first=first + start, count=len(chunk))
        ink = CORRUPTIONS[kind](chunk.astype(np.float32) / np.float32(255), severity, rng)
        corrupted[start : start + _CHUNK] = np.rint(255 * np.clip(ink, 0, 1))
    return corrupted
