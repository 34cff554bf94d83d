"""Digits as pictures inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.render.thumbnails import data_uri
from tests.support.reports import pixels


def test_a_thumbnail_is_the_digit_pixel_by_pixel() -> None:
    kind, content = data_uri(pixels(3)).split(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.format == "PNG"
        assert np.asarray(image).tobytes() == base64.b64decode(pixels(3))


@pytest.mark.parametrize("wrong", ["", "AAAA", "no base64!", "\u00e9", pixels()[:-4]])
def test_pixels_of_any_other_size_are_refused(wrong: str) -> None:
    with pytest.raises(InvalidValue, match="write the report again"):
        data_uri(wrong)
