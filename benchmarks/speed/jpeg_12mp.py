"""Time decoding and preprocessing a 12-megapixel photo, beside Pillow's decoding.

    python -m benchmarks.speed.jpeg_12mp

The photo is a generated one (benchmarks/accuracy/hard_pictures), enlarged to 4000x3000 with a
camera's noise and saved at quality 90. The floor decodes all of it, and does nothing with it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from benchmarks.accuracy.hard_pictures.conditions import make
from benchmarks.rows import Row, count, in_turn, main, row_of_times
from mnist_edge.preprocessing.decoding import decode
from mnist_edge.preprocessing.pipeline import WORKING_SIDE, preprocess

TARGET = 0.8
"""Most that reading may take of the time of decoding everything."""
_SIZE = (4000, 3000)


def photo() -> bytes:
    """Return the photo as a phone saves it."""
    (picture,) = make("light", severity=2, count=1, seed=0)
    large = np.asarray(picture.image.convert("RGB").resize(_SIZE, Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).normal(0, 3, (*large.shape[:2], 1)).astype(np.float32)
    noisy = np.clip(large + noise, 0, 255).astype(np.uint8)
    saved = io.BytesIO()
    Image.fromarray(noisy).save(saved, "JPEG", quality=90)
    return saved.getvalue()


def measure(share: float) -> Iterator[Row]:
    """Yield two rows; twenty rounds at full size."""
    content = photo()
    decoding, ours, floor = in_turn(
        [
            lambda: decode(content, side=WORKING_SIDE),
            lambda: preprocess(content).pixels,
            lambda: Image.open(io.BytesIO(content)).load(),
        ],
        rounds=count(20, share, least=2),
    )
    yield row_of_times(
        "decoding a 12-megapixel JPEG as far as it is needed",
        decoding,
        "Pillow decoding all of it",
        floor,
    )
    yield row_of_times(
        "preprocess a 12-megapixel JPEG",
        ours,
        "Pillow decoding all of it",
        floor,
        goal="at most",
        target=TARGET,
    )


if __name__ == "__main__":
    main(measure, __doc__)
