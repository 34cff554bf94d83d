"""Digits as they come where MNIST is not: the fifteen kinds of corruption of MNIST-C.

The kinds are those of N. Mu and J. Gilmer, MNIST-C: A Robustness Benchmark for Computer Vision,
2019, https://arxiv.org/abs/1906.02337, made anew from what the paper says of them. The paper has
one strength of each; the five here were chosen by eye. Figures over these digits compare between
models, and not with figures over the paper's own files.

A digit's corruption depends on the kind, the severity, the seed and where the digit stands, and on
no other digit: any batch of them gives what the whole set would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mnist_edge.corruptions.blurs import canny_edges, glass_blur, motion_blur
from mnist_edge.corruptions.draws import Draws, Pictures
from mnist_edge.corruptions.geometry import rotate, scale, shear, translate
from mnist_edge.corruptions.light import brightness, fog, impulse_noise, shot_noise
from mnist_edge.corruptions.overlays import dotted_line, spatter, stripe, zigzag
from mnist_edge.errors import InvalidValue, UnknownName

Corruption = Callable[[Pictures, int, Draws], Pictures]
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
    if images.shape[1:] != (28, 28) or images.dtype != np.uint8:
        raise InvalidValue(
            f"pixels of shape {images.shape} and type {images.dtype} were given; "
            "expected (n, 28, 28) uint8"
        )
    corrupted = np.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        draws = Draws(f"{seed}/{kind}", first=first + start, count=len(chunk))
        ink = CORRUPTIONS[kind](chunk.astype(np.float32) / np.float32(255), severity, draws)
        corrupted[start : start + _CHUNK] = np.rint(255 * np.clip(ink, 0, 1))
    return corrupted
