"""From any picture of a digit to the pixels MNIST would have had for it.

MNIST's form, as its makers describe it (Y. LeCun, C. Cortes, C. Burges, "The MNIST database"):
white ink on black, the digit size-normalised into a 20x20 box keeping its aspect, anti-aliased,
and set so that the centre of mass of its ink is the centre of a 28x28 field.

A blank picture gives blank pixels: all background.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mnist_edge.errors import PictureNotFound, UnreadablePicture

Picture: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]
"""Whatever a digit may come in: a path, encoded bytes, a binary stream, a PIL image, or a
``(height, width[, 1, 3 or 4]) uint8`` array."""

SIDE = 28
"""Height and width of a digit in pixels."""
BOX = 20
"""The longest side of a digit's ink in pixels."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""Pillow's names of the formats read; naming them keeps its rarer decoders out of reach."""

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".pbm", ".ppm"}
)
"""What files a folder's pictures are told by, in lower case."""

_MOST_PIXELS = 50_000_000
"""Pixels of the largest picture read: a 48-megapixel photo. A small file can claim far more."""
_CONTRAST = 24
"""Grey levels by which the darkest ink must differ from the paper; less is blank paper."""
_TRANSPARENT_MODES = ("LA", "PA", "RGBA", "RGBa")
"""Pillow's modes that have an alpha band; others may name a transparent colour instead."""
_MID_GREY = 128
"""Grey level that parts dark paper from light."""
_INK = 0.25
"""Share of the strongest ink at which a pixel belongs to the digit when it is cropped."""
_MIDDLE = SIDE // 2
"""Row and column that MNIST centres on: over its 70,000 digits the centre of mass, counted in
pixel indices, averages 14.00 each way."""
_CENTRED = 0.52
"""Pixels by which a centre of mass may miss the middle and the digit still count as centred;
moved by whole pixels, MNIST's own miss it by up to 0.52."""


def read_pixels(picture: Picture) -> NDArray[np.uint8]:
    """The digit in a picture, as MNIST would have it.

    Args:
        picture: a path, encoded bytes, a binary stream, a PIL image or a uint8 array.

    Returns:
        ``(28, 28) uint8``, 0 background, 255 ink. A 28x28 picture that is in MNIST's form
        already comes back as it is, or inverted; a blank one comes back all 0.

    Raises:
        PictureNotFound: the path names no file.
        UnreadablePicture: it is empty, truncated, or not an image.
    """
    grey = to_grey(open_image(picture))
    for pixels in (grey, np.invert(grey)):
        if is_mnist_form(pixels):
            return pixels
    ink = find_ink(grey)
    return centre(fit(crop(ink))) if ink.any() else np.zeros((SIDE, SIDE), np.uint8)


def open_image(picture: Picture) -> Image.Image:
    """Decodes a picture whole and turns it the way its EXIF orientation says.

    Raises:
        PictureNotFound: the path names no file.
        UnreadablePicture: it is empty, truncated, too large, or not an image.
    """
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    # Pillow warns of damaged metadata, which the pixels do not need, and of large pictures,
    # which are refused below.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(picture, Image.Image):
            return _decode(picture, "the picture")
        name, content = _read(picture)
        if not content:
            raise UnreadablePicture(f"{name} is empty; expected an image such as a PNG or JPEG")
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise UnreadablePicture(
                f"{name} is not an image; expected {', '.join(FORMATS)}"
            ) from error
        except Image.DecompressionBombError as error:
            raise _too_large(name) from error
        except Exception as error:
            raise _damaged(name, error) from error
        with image:
            return _decode(image, name)


def to_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Lays a picture on white paper where it is transparent; ``(height, width) uint8``."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _stretch(np.asarray(image, np.float32))
    if image.mode == "LAB":
        return np.asarray(image.getchannel("L"))
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(paper, rgba)
    return np.asarray(image.convert("L"))


def is_mnist_form(grey: NDArray[np.uint8]) -> bool:
    """Whether grey pixels are white on black, 28x28, fill the 20x20 box and are centred."""
    if grey.shape != (SIDE, SIDE) or np.median(_border(grey)) > 0 or not grey.any():
        return False
    rows, columns = np.nonzero(grey)
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    offset = np.abs(np.subtract(_centre_of_mass(grey), _MIDDLE))
    # 16 of MNIST's 70,000 fill 19 pixels: their faintest edge was rounded away.
    return bool(longest in (BOX - 1, BOX) and offset.max() <= _CENTRED)


def find_ink(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much ink each pixel holds, 0..1: its distance from the paper on the ink's side.

    The paper's grey is the median of the border; the ink is lighter than dark paper and darker
    than light paper. All 0 where nothing differs from the paper by enough.
    """
    paper = float(np.median(_border(grey)))
    contrast = grey - np.float32(paper) if paper < _MID_GREY else np.float32(paper) - grey
    strongest = float(contrast.max())
    if strongest < _CONTRAST:
        return np.zeros(grey.shape, np.float32)
    ink: NDArray[np.float32] = np.clip(contrast / strongest, 0, 1)
    return ink


def crop(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smallest rectangle that holds every pixel of clear ink."""
    clear = ink > _INK
    rows, columns = np.flatnonzero(clear.any(axis=1)), np.flatnonzero(clear.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fit(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scales ink, anti-aliased and keeping its aspect, so that its longest side is 20 pixels."""
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)
    fitted: NDArray[np.float32] = np.clip(np.asarray(scaled), 0, 1)
    return fitted


def centre(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Sets ink of at most 20x20 into 28x28, its centre of mass at the centre."""
    height, width = ink.shape
    top, left = (
        int(np.clip(round(_MIDDLE - mass), 0, SIDE - size))
        for mass, size in zip(_centre_of_mass(ink), (height, width), strict=True)
    )
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + height, left : left + width] = np.rint(ink * 255 / ink.max())
    return pixels


def _decode(image: Image.Image, name: str) -> Image.Image:
    if not image.width * image.height:
        raise UnreadablePicture(f"{name} has no pixels: {image.width}x{image.height}")
    if image.width * image.height > _MOST_PIXELS:
        raise _too_large(name)
    try:
        image.load()
    # Pillow's decoders raise whatever the damage led them to.
    except Exception as error:
        raise _damaged(name, error) from error
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001  # metadata too damaged to say which way is up
        return image


def _too_large(name: str) -> UnreadablePicture:
    return UnreadablePicture(
        f"{name} is too large: more than {_MOST_PIXELS // 1_000_000} megapixels; scale it down"
    )


def _damaged(name: str, error: Exception) -> UnreadablePicture:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UnreadablePicture(f"{name} is damaged or truncated ({reason}); copy or save it again")


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, bytes]:
    """A name for messages, and the encoded bytes."""
    if isinstance(source, bytes):
        return "the picture", source
    if isinstance(source, (str, os.PathLike)):
        name, read = str(source), Path(source).read_bytes
    else:
        name, read = str(getattr(source, "name", "the picture")), source.read
    try:
        return name, read()
    except FileNotFoundError as error:
        raise PictureNotFound(f"no picture {name}; check the path") from error
    except OSError as error:
        raise UnreadablePicture(f"cannot read {name}: {error.strerror or error}") from error
    except ValueError as error:  # a path with a null in it, or a closed stream
        raise PictureNotFound(f"no picture {name!r} ({error}); check the path") from error


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8:
        raise UnreadablePicture(
            f"an array of {array.dtype} was given; expected uint8, 0..255, for example "
            "(255 * array).astype('uint8') for values in 0..1"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if (
        not array.size
        or array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] not in (3, 4))
    ):
        raise UnreadablePicture(
            f"an array of shape {array.shape} was given; expected (height, width), "
            "or (height, width, 1, 3 or 4)"
        )
    return Image.fromarray(array)


def _stretch(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Brings deep greys, whose range no format states, to 0..255 by what is there."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise UnreadablePicture("the picture holds values that are not numbers; save it as 8-bit")
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    stretched: NDArray[np.uint8] = np.rint((values - low) * (255 / (high - low))).astype(np.uint8)
    return stretched


def _border(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outermost pixels of a picture, one dimension."""
    return np.concatenate((grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]))


def _centre_of_mass(ink: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[float, float]:
    """Row and column of the ink's centre of mass, in pixel indices."""
    total = float(ink.sum(dtype=np.float64))
    rows = ink.sum(axis=1, dtype=np.float64) @ np.arange(ink.shape[0])
    columns = ink.sum(axis=0, dtype=np.float64) @ np.arange(ink.shape[1])
    return float(rows) / total, float(columns) / total
