"""Draws ``mnist_edge/samples/digit.png``: a pen's 7 in blue on a gray-white page, off centre.

Run from the root of the repository: ``python tests/data/make_sample.py``.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

_SCALE = 4
"""Drawn four times as large and scaled down, since Pillow's lines are not anti-aliased."""
_TARGET = Path("mnist_edge/samples/digit.png")


def main() -> None:
    """Draw the picture and writes it."""
    page = Image.new("RGB", (240 * _SCALE, 200 * _SCALE), (236, 233, 226))
    pen = ImageDraw.Draw(page)
    stroke = [
        (84, 58),
        (100, 52),
        (122, 50),
        (146, 48),
        (142, 70),
        (128, 100),
        (114, 130),
        (106, 158),
    ]
    points = [(x * _SCALE, y * _SCALE) for x, y in stroke]
    pen.line(points, fill=(38, 52, 128), width=9 * _SCALE, joint="curve")
    for x, y in (points[0], points[-1]):
        radius = 4.5 * _SCALE
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(38, 52, 128))
    page = page.filter(ImageFilter.GaussianBlur(2 * _SCALE / 3))
    page.resize((240, 200), Image.Resampling.LANCZOS).save(_TARGET, optimize=True)


if __name__ == "__main__":
    main()
