# ruff: noqa: INP001  # scripts, not a package
"""Where the front end's time goes: each step beside the whole, for a drawing and for photos.

    python benchmarks/picture_steps.py

The steps are those of ``mnist_edge.preprocessing.pipeline.look``, called by their own doors; what
is between them is in the whole alone, so that the shares do not add up to one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import resources

import numpy as np
from hard_pictures import make
from PIL import Image
from rows import Row, count, in_turn, main, row_of_times

from mnist_edge.preprocessing import layout
from mnist_edge.preprocessing.binarization import find_ink
from mnist_edge.preprocessing.cell_borders import without_frame
from mnist_edge.preprocessing.connected_components import label
from mnist_edge.preprocessing.decoding import read_colours
from mnist_edge.preprocessing.flat_background import is_drawing, strength_of
from mnist_edge.preprocessing.handwriting import find_pieces
from mnist_edge.preprocessing.pipeline import WORKING_SIDE, is_mnist_form, look, normalise

CONDITIONS = ("light", "ruled")
"""Of photographs (benchmarks/hard_pictures.py)."""
_INK = 0.25
"""Share of full ink from which on a pixel of a drawing counts."""


def measure(share: float) -> Iterator[Row]:
    """Rows for each step; twenty rounds at full size."""
    rounds = count(20, share, least=2)
    yield from _drawing((resources.files("mnist_edge.samples") / "digit.png").read_bytes(), rounds)
    for condition in CONDITIONS:
        (picture,) = make(condition, severity=2, count=1, seed=0)
        saved = io.BytesIO()
        picture.image.convert("RGB").save(saved, "JPEG", quality=90)
        yield from _photo(condition, saved.getvalue(), rounds)


def _drawing(content: bytes, rounds: int) -> Iterator[Row]:
    colours, _ = read_colours(content, side=WORKING_SIDE)
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    strength = strength_of(grey)
    mask = strength > _INK
    whole, *steps = in_turn(
        [
            lambda: look(content),
            lambda: read_colours(content, side=WORKING_SIDE),
            lambda: (is_mnist_form(grey), is_drawing(grey), strength_of(grey)),
            lambda: without_frame(mask, mask),
            lambda: label(mask),
        ],
        rounds=rounds,
    )
    names = ("decode", "tell drawing from photo", "look for a frame", "find pieces")
    for name, seconds in zip(names, steps, strict=True):
        yield row_of_times(f"digit.png: {name}", seconds, "look", whole)


def _photo(condition: str, content: bytes, rounds: int) -> Iterator[Row]:
    colours, _ = read_colours(content, side=WORKING_SIDE)
    ink = find_ink(colours)
    labels, pieces = find_pieces(ink)
    digit = layout.choose_digit(layout.group_strokes(pieces), *labels.shape)
    whole, *steps = in_turn(
        [
            lambda: look(content),
            lambda: read_colours(content, side=WORKING_SIDE),
            lambda: find_ink(colours),
            lambda: find_pieces(ink),
            lambda: layout.choose_digit(layout.group_strokes(pieces), *labels.shape),
            lambda: digit and normalise(ink, labels, digit),
        ],
        rounds=rounds,
    )
    names = ("decode", "take the light out", "keep the strokes", "choose the digit", "normalise")
    for name, seconds in zip(names, steps, strict=True):
        yield row_of_times(f"{condition} photo: {name}", seconds, "look", whole)


if __name__ == "__main__":
    main(measure, __doc__)
