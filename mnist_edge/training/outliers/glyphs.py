"""Draw printed letters, words and symbols in the typefaces that ship with matplotlib."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.errors import MissingDependency, extra_install_command
from mnist_edge.training.outliers.primitives import CANVAS, Ink, Random

LETTERS = "AEFHKMNPRTVWXYaefhkmnptvwx"
"""Letters that cannot be mistaken for a digit: no B C D G I J L O Q S U Z, no b c d g i j l o q r s
u y z."""
SYMBOLS = "&@#%*+=<>^~:;€£¥±÷∑π√Ω≠µ"
"""Symbols that cannot be mistaken for a digit: no braces, no ? and no strokes."""
LOOKALIKES = "dJLr?¿{}§¶ßðþÞξζψλ$£"
"""Letters and signs that resemble a digit, and that a person would not take for one. A stroke is a
1 and a ring a 0, so o, O, I, l, |, / and printed brackets are left out, as are S, Z, g and q, which
are digits in somebody's hand."""
FOREIGN_SIGNS = "٢٣٤٧٨۴߂߃߄߅߇߈໓໔໖໗໘໙დთლრჟԲԴԵաբդאגדהחש"
"""Digits and letters of the Arabic, N'Ko, Lao, Georgian, Armenian and Hebrew scripts, chosen in the
same way."""
ORNAMENTS = "☙❧❦✿❀❁✾☘♠♣♥★☆☺♪♫☯☎✂✈✉❄✽❈⚓☂☃♻✓✗⚘❥♞♜☀"
"""Flowers, hearts, stars, notes and the like."""
_TEXT_FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmr10",
    "cmss10",
    "cmtt10",
)
_SYMBOL_FACES = _TEXT_FACES[:7]
"""Typefaces that have all of ``SYMBOLS`` and ``LOOKALIKES``."""
_WIDE_FACES = ("DejaVuSans", "DejaVuSans-Bold")
"""Typefaces that have all of ``FOREIGN_SIGNS``."""


def letter(random: Random) -> Ink:
    """Draw one printed letter."""
    return _printed(LETTERS[random.integers(len(LETTERS))], _TEXT_FACES, 48, random)


def word(random: Random) -> Ink:
    """Draw two to four printed letters."""
    count = int(random.integers(2, 5))
    letters = "".join(LETTERS[index] for index in random.integers(0, len(LETTERS), count))
    return _printed(letters, _TEXT_FACES, 66 // count, random)


def symbol(random: Random) -> Ink:
    """Draw one printed symbol."""
    return _printed(SYMBOLS[random.integers(len(SYMBOLS))], _SYMBOL_FACES, 48, random)


def lookalike(random: Random) -> Ink:
    """Draw one printed letter or sign that resembles a digit, and is none."""
    return _printed(LOOKALIKES[random.integers(len(LOOKALIKES))], _SYMBOL_FACES, 48, random)


def foreign_sign(random: Random) -> Ink:
    """Draw one printed digit or letter of another script."""
    return _printed(FOREIGN_SIGNS[random.integers(len(FOREIGN_SIGNS))], _WIDE_FACES, 48, random)


def ornament(random: Random) -> Ink:
    """Draw one printed ornament."""
    return _printed(ORNAMENTS[random.integers(len(ORNAMENTS))], ("DejaVuSans",), 48, random)


def _printed(text: str, faces: tuple[str, ...], size: int, random: Random) -> Ink:
    font = _font(faces[random.integers(len(faces))], size)
    center = CANVAS / 2
    image = Image.new("L", (CANVAS, CANVAS))
    ImageDraw.Draw(image).text(
        (center, center),
        text,
        fill=255,
        font=font,
        anchor="mm",
        stroke_width=int(random.integers(0, 1 + size // 12)),
    )
    angle, slant, stretch = random.normal(0, 0.1), random.normal(0, 0.15), random.uniform(0.9, 1.3)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine * stretch, sine + slant], [-sine, cosine]])
    offset = center - matrix @ (center, center)
    image = image.transform(
        image.size,
        Image.Transform.AFFINE,
        (*matrix[0], offset[0], *matrix[1], offset[1]),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(image, np.float32) / np.float32(255)


@cache
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    try:
        from matplotlib import get_data_path
    except ImportError as error:
        raise MissingDependency(
            f"printed letters need matplotlib's typefaces: {extra_install_command('workstation')}"
        ) from error
    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", f"{face}.ttf")), size)
