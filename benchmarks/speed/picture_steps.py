"""Time each step of the front end beside the whole, for a drawing and for photos.

    python -m benchmarks.speed.picture_steps

The steps are those of ``mnist_edge.preprocessing.pipeline.trace_preprocessing``, called one
by one; what lies between them is only in the whole, so the shares do not add up to one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.hard_pictures.conditions import make
from benchmarks.rows import Row, count, in_turn, main, row_of_times
from mnist_edge.preprocessing import layout
from mnist_edge.preprocessing.binarization import binarize
from mnist_edge.preprocessing.cell_borders import remove_border
from mnist_edge.preprocessing.connected_components import label_components
from mnist_edge.preprocessing.decoding import decode, to_rgb
from mnist_edge.preprocessing.flat_background import has_flat_background, ink_strength
from mnist_edge.preprocessing.handwriting import find_handwriting
from mnist_edge.preprocessing.mnist_format import INK_THRESHOLD, is_mnist_format
from mnist_edge.preprocessing.pipeline import WORKING_SIDE, normalize_digit, trace_preprocessing

CONDITIONS = ("light", "ruled")
"""Of photographs (benchmarks/accuracy/hard_pictures)."""


def measure(share: float) -> Iterator[Row]:
    """Yield rows for each step; twenty rounds at full size."""
    rounds = count(20, share, least=2)
    yield from _drawing((resources.files("mnist_edge.samples") / "digit.png").read_bytes(), rounds)
    for condition in CONDITIONS:
        (picture,) = make(condition, severity=2, count=1, seed=0)
        saved = io.BytesIO()
        picture.image.convert("RGB").save(saved, "JPEG", quality=90)
        yield from _photo(condition, saved.getvalue(), rounds)


def _drawing(content: bytes, rounds: int) -> Iterator[Row]:
    rgb = _decoded(content)
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    strength = ink_strength(grey)
    mask = strength > INK_THRESHOLD
    whole, *steps = in_turn(
        [
            lambda: trace_preprocessing(content),
            lambda: _decoded(content),
            lambda: (is_mnist_format(grey), has_flat_background(grey), ink_strength(grey)),
            lambda: remove_border(mask, mask),
            lambda: label_components(mask),
        ],
        rounds=rounds,
    )
    names = ("decode", "tell drawing from photo", "look for a border", "label components")
    for name, seconds in zip(names, steps, strict=True):
        yield row_of_times(f"digit.png: {name}", seconds, "all steps", whole)


def _decoded(content: bytes) -> NDArray[np.uint8]:
    rgb, _ = to_rgb(*decode(content, side=WORKING_SIDE), side=WORKING_SIDE)
    return rgb


def _photo(condition: str, content: bytes, rounds: int) -> Iterator[Row]:
    rgb = _decoded(content)
    ink = binarize(rgb)
    labels, components, _ = find_handwriting(ink)
    digit = layout.choose_digit(layout.group_strokes(components), *labels.shape)
    whole, *steps = in_turn(
        [
            lambda: trace_preprocessing(content),
            lambda: _decoded(content),
            lambda: binarize(rgb),
            lambda: find_handwriting(ink),
            lambda: layout.choose_digit(layout.group_strokes(components), *labels.shape),
            lambda: digit and normalize_digit(ink, labels, digit),
        ],
        rounds=rounds,
    )
    names = ("decode", "take the light out", "keep the strokes", "choose the digit", "normalize")
    for name, seconds in zip(names, steps, strict=True):
        yield row_of_times(f"{condition} photo: {name}", seconds, "all steps", whole)


if __name__ == "__main__":
    main(measure, __doc__)
