"""Look at the pictures of one condition, side by side.

python -m benchmarks.accuracy.hard_pictures.contact_sheet ruled sheet.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from benchmarks.accuracy.hard_pictures.conditions import CONDITIONS, SEVERITIES, make


def contact_sheet(
    condition: str, *, count: int = 10, seed: int = 0, side: int = 190
) -> Image.Image:
    """Tile pictures of one condition, one row per severity, with their truth above them."""
    sheet = Image.new("RGB", (count * side, len(SEVERITIES) * (side + 14)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, severity in enumerate(SEVERITIES):
        for column, picture in enumerate(make(condition, severity, count, seed)):
            left, top = column * side, row * (side + 14)
            tile = picture.image.convert("RGB")
            scale = (side - 4) / max(tile.size)
            sizes = (max(1, round(tile.width * scale)), max(1, round(tile.height * scale)))
            resample = Image.Resampling.BICUBIC if scale < 1 else Image.Resampling.NEAREST
            sheet.paste(tile.resize(sizes, resample), (left, top + 14))
            caption = f"{picture.truth} {picture.image.width}x{picture.image.height}"
            draw.text((left + 2, top + 1), caption, fill="black")
    return sheet


def _main() -> None:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of one condition.")
    parser.add_argument("condition", choices=CONDITIONS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    contact_sheet(chosen.condition, seed=chosen.seed).save(chosen.file)


if __name__ == "__main__":
    _main()
