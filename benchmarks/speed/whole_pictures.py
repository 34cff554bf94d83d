"""Time reading whole pictures: a photo, an unclear one, and a page of a hundred digits.

    python -m benchmarks.speed.whole_pictures

The pictures are generated ones (benchmarks/accuracy/hard_pictures). Beside a photo stands what
Pillow takes to decode it, make it gray, blur it by a box of 5x5 pixels and resize it: a few passes
over all pixels. Beside what is read of a picture stands its preprocessing alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

from PIL import Image, ImageFilter

from benchmarks.accuracy.hard_pictures.conditions import make
from benchmarks.rows import Row, count, in_turn, main, row_of_times
from mnist_edge import Classifier
from mnist_edge.preprocessing.pipeline import PAGE_SIDE, preprocess, trace_preprocessing

PHOTO, UNCLEAR, PAGE = 6.0, 3.0, 1.5
"""Most that each may take, relative to what stands beside it."""
CONDITIONS = ("light", "ruled")
"""Of photos."""
UNCLEAR_CONDITIONS = ("note", "border", "padded", "like-bright", "tiny")
"""Of pictures that are read in other ways as well, if they are unclear."""
_SIZE = (640, 480)


def measure(share: float) -> Iterator[Row]:
    """Yield rows for photos, unclear pictures and a page; twenty rounds at full size."""
    rounds = count(20, share, least=2)
    for condition in CONDITIONS:
        content = _encode(_first(condition).resize(_SIZE))
        ours, floor = in_turn(
            [partial(preprocess, content), partial(_blurred, content)], rounds=rounds
        )
        yield row_of_times(
            f"preprocess a photo of 640x480 pixels, {condition}",
            ours,
            "Pillow's decoding, gray, box blur and resize",
            floor,
            goal="at most",
            target=PHOTO,
        )
    classifier = Classifier("edge")
    for condition in UNCLEAR_CONDITIONS:
        content = _encode(_first(condition))
        ours, floor = in_turn(
            [partial(classifier.predict, content), partial(preprocess, content)],
            rounds=rounds,
        )
        yield row_of_times(
            f"predict a picture that may be unclear, {condition}",
            ours,
            "its preprocessing",
            floor,
            goal="at most",
            target=UNCLEAR,
        )
    content = _encode(_page_of_a_hundred())
    ours, floor = in_turn(
        [
            lambda: classifier.predict_all(content),
            lambda: trace_preprocessing(content, side=PAGE_SIDE),
        ],
        rounds=rounds,
    )
    yield row_of_times(
        "predict --all of a page of 100 digits",
        ours,
        "its preprocessing",
        floor,
        goal="at most",
        target=PAGE,
    )


def _first(condition: str) -> Image.Image:
    (picture,) = make(condition, severity=2, count=1, seed=0)
    return picture.image.convert("RGB")


def _page_of_a_hundred() -> Image.Image:
    """Return the first table of a hundred digits that the generator draws."""
    return next(
        picture.image.convert("RGB")
        for picture in make("table", severity=3, count=20, seed=0)
        if picture.truth and sum(letter.isdigit() for letter in picture.truth) == 100
    )


def _encode(image: Image.Image) -> bytes:
    saved = io.BytesIO()
    image.save(saved, "JPEG", quality=90)
    return saved.getvalue()


def _blurred(content: bytes) -> Image.Image:
    gray = Image.open(io.BytesIO(content)).convert("L")
    return gray.filter(ImageFilter.BoxBlur(2)).resize((320, 240))


if __name__ == "__main__":
    main(measure, __doc__)
