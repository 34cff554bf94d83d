"""Pictures of every format that is read, damaged, and small files that claim to be large."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.errors import PictureError
from mnist_edge.inference.classifier import Prediction
from mnist_edge.inference.page import Page
from tests.fuzz.fields import picture_numbers
from tests.fuzz.mutation import interesting_integer, mutate
from tests.fuzz.target import KnownCase, Target, own_error
from tests.support.paths import PICTURES
from tests.support.poisoned_pictures import PALETTE, POISONED, png, with_checksums

_MODES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "PNG": (
        *(("1", {}), ("L", {}), ("P", {}), ("RGB", {}), ("LA", {}), ("RGBA", {}), ("I;16", {})),
        *(("P", {"transparency": 3}), ("P", {"transparency": bytes(range(200))})),
        *(("L", {"transparency": 7}), ("RGB", {"transparency": (1, 2, 3)})),
    ),
    "JPEG": (("L", {}), ("RGB", {}), ("RGB", {"progressive": True}), ("CMYK", {})),
    "MPO": (("RGB", {"save_all": True}),),
    "GIF": (("P", {}), ("P", {"transparency": 0}), ("L", {"interlace": True})),
    "BMP": (("1", {}), ("L", {}), ("P", {}), ("RGB", {}), ("RGBA", {})),
    "WEBP": (("RGB", {}), ("RGBA", {}), ("RGBA", {"lossless": True}), ("RGB", {"save_all": True})),
    "TIFF": (
        *(("1", {"compression": "group4"}), ("1", {"compression": "group3"})),
        *(("L", {"compression": "tiff_lzw"}), ("RGB", {"compression": "jpeg"})),
        *(("P", {"compression": "packbits"}), ("RGBA", {"compression": "tiff_adobe_deflate"})),
        *(("LAB", {}), ("CMYK", {}), ("I", {}), ("F", {}), ("I;16", {}), ("L", {"big_tiff": True})),
    ),
    "PPM": (("1", {}), ("L", {}), ("RGB", {}), ("I;16", {}), ("F", {})),
    "HEIF": (("L", {}), ("RGB", {}), ("RGBA", {})),
}
"""Every mode and setting that a file of a format is made of."""
_PAGES = 4
"""One in how many cases is read as a page too."""
_LARGE_FILE = 10_000
"""Bytes from which on a case is read as a page in any case."""
_SIDES = (1, 2, 3, 7, 28, 64, 255, 256, 257, 1000)
_LARGE_SIDES = (4000, 5000, 7000, 7071, 8192, 16_383, 60_000)
_LARGE_PIXELS = 60_000_000
_COLOR_TYPES = ((0, 1), (2, 3), (3, 1), (4, 2), (6, 4))
"""Color types of PNG and their samples (RFC 2083, section 4.1.1)."""


def _draw(random: Random) -> bytes:
    if random.random() < 0.02:
        return _draw_png(random)
    if random.random() < 0.001:
        return _draw_large(random)
    whole = _whole_pictures()
    content = random.choice(whole)
    damaged = mutate(random, content, numbers=picture_numbers(content), donors=whole)
    return with_checksums(damaged) if damaged.startswith(b"\x89PNG") else damaged


def _draw_png(random: Random) -> bytes:
    """Draw a PNG whose pixels are all there, of any size, depth and color."""
    color, samples = random.choice(_COLOR_TYPES)
    depth = random.choice((1, 2, 4, 8, 16, interesting_integer(random, 8) % 256))
    chunks = [
        (kind, random.randbytes(random.choice((0, 1, 2, 3, 6, 255, 256, 768, 769))))
        for kind in (b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"eXIf", b"zTXt", b"acTL", b"sBIT")
        if random.random() < 0.3
    ]
    chunks += [PALETTE] if color == 3 else []
    sides = random.choice(_SIDES), random.choice(_SIDES)
    return png(*sides, depth=depth, color=color, bits=depth * samples, chunks=chunks)


def _draw_large(random: Random) -> bytes:
    """Draw a small file of a large picture."""
    width = random.choice(_LARGE_SIDES)
    height = min(random.choice(_LARGE_SIDES), _LARGE_PIXELS // width)
    if random.random() < 0.5:
        color, samples = random.choice(_COLOR_TYPES)
        depth = random.choice((1, 8, 16)) if color in (0, 3) else random.choice((8, 16))
        chunks = [PALETTE] if color == 3 else []
        chunks += [(b"tRNS", bytes(2))] if random.random() < 0.5 else []
        bits = depth * samples
        return png(width, height, depth=depth, color=color, bits=bits, chunks=chunks)
    kind = random.choice(("GIF", "BMP", "TIFF", "PPM", "JPEG"))
    mode, settings = random.choice(_MODES[kind])
    return _save(Image.new(mode, (width, height)), kind, settings)


@cache
def _whole_pictures() -> list[bytes]:
    """Sound pictures of every format and mode, small so that many can be tried."""
    chalk = Image.open(PICTURES / "chalk-three.png").convert("RGB").resize((48, 40))
    digit = Image.open(PICTURES / "mnist-seven.png").convert("L")
    exif = Image.Exif()
    exif[0x0112] = 6
    found = []
    for kind, modes in _MODES.items():
        for mode, settings in modes:
            for picture in (chalk, digit):
                converted = _converted(picture, mode)
                turned = {"exif": exif} if kind in ("JPEG", "WEBP") else {}
                found.append(_save(converted, kind, {**settings, **turned}))
    return found


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    """Convert to a mode, some of which no single conversion leads to."""
    if mode == "LAB":
        return Image.merge("LAB", picture.convert("RGB").split())
    if mode == "I;16":
        return picture.convert("I").point(lambda value: value * 200).convert("I;16")
    return picture.convert("RGB").convert(mode) if mode == "CMYK" else picture.convert(mode)


def _save(picture: Image.Image, kind: str, settings: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    if kind == "HEIF":
        import pillow_heif

        heif = pillow_heif.from_pillow(picture)
        heif.save(stream, quality=40)
        return stream.getvalue()
    if settings.get("save_all"):
        settings = {**settings, "append_images": [picture.rotate(90), picture.rotate(180)]}
    picture.save(stream, kind, **settings)
    return stream.getvalue()


def _halftone() -> bytes:
    """Four thousand dots, each as large as a stroke, which programs may compare in pairs."""
    rows, columns = np.indices((640, 640))
    dots = (rows % 10 < 4) & (columns % 10 < 3)
    return _save(Image.fromarray(np.where(dots, 0, 255).astype(np.uint8)), "PNG", {})


@cache
def _classifier() -> Classifier:
    return Classifier("nano")


def _check(content: bytes, folder: Path) -> str:
    outcome = _read(_classifier().predict, content)
    # A page takes five times as long, and the decoder is the same.
    is_large = outcome == "read" and len(content) > _LARGE_FILE
    if is_large or zlib.crc32(content) % _PAGES == 0:
        page = _read(_classifier().predict_all, content)
        assert page == outcome, f"the page is {page}, the digit {outcome}"
    return outcome


def _read(read: Callable[[bytes], Prediction | Page], content: bytes) -> str:
    try:
        answer = read(content)
    except PictureError as error:
        return own_error(error)
    json.dumps(answer.to_dict(), allow_nan=False)
    return "read"


TARGET = Target(
    name="pictures",
    draw=_draw,
    check=_check,
    count=300,
    known={
        "halftone": KnownCase(content=_halftone, expected=("read",)),
        **{
            name: KnownCase(content=make, expected=("read", "UnreadablePicture"))
            for name, make in POISONED.items()
        },
    },
    # The program takes 45 to 60 MB at rest, so that it stays below 200.
    megabytes=140,
)
