"""Decoding any picture to colours on white paper.

Pillow does the decoding; what is done here is to keep it from decoding more than is asked for,
from rare formats, and from pictures that claim to be larger than any camera's.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from mnist_edge.errors import PictureNotFound, UnreadablePicture, extra_install_command

Picture: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]
"""Whatever a digit may come in: a path, encoded bytes, a binary stream, a PIL image, or a
``(height, width[, 1, 3 or 4]) uint8`` array."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""Pillow's names of the formats read; naming them keeps its rarer decoders out of reach."""

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".pbm", ".ppm"}
    | {".heic", ".heif"}
)
"""What files a folder's pictures are told by, in lower case."""

_HEIC = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"msf1"),
)
"""Brands of HEIC, which is what telephones save; bytes 8 to 12 of a file, after ``ftyp``."""

_PNG = b"\x89PNG\r\n\x1a\n"
"""What every PNG begins with (RFC 2083, section 3.1)."""
_MOST_PIXELS = 50_000_000
"""Pixels of the largest picture read: a 48-megapixel photo. A small file can claim far more."""
_JPEGS = ("JPEG", "MPO")
"""Pillow's names of JPEGs; the second is of those that hold several pictures, as telephones'."""
_TRANSPARENT_MODES = ("LA", "PA", "RGBA", "RGBa")
"""Pillow's modes that have an alpha band; others may name a transparent colour instead."""
_REDUCIBLE = ("L", "RGB", "RGBX", "CMYK", "YCbCr", "LA", "RGBA")
"""Pillow's modes whose pixels can be averaged as they are."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the EXIF orientation, what brings a picture upright (Exif 2.32, tag 274)."""
_BARE = (None, "PNG", "PPM")
"""Formats, as Pillow has them, whose metadata is all in ``Image.info``; None is of an array."""
_OPAQUE = 127
"""Alpha above which a pixel is drawn."""
_WHITE = 200
"""Brightness from which on ink would not be seen on white paper."""


class _NoWarnings:
    """A context without warnings that several threads may enter at a time.

    Warning filters belong to the whole process: threads that saved and restored them one by one
    would restore each other's. The first to enter saves them, and the last to leave restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._entered:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.simplefilter("ignore")
            self._entered += 1

    def __exit__(self, *reason: object) -> None:
        with self._lock:
            self._entered -= 1
            if not self._entered:
                self._saved.__exit__(None, None, None)


_no_warnings = _NoWarnings()


def decode(picture: Picture, *, side: int) -> tuple[Image.Image, int]:
    """A picture's pixels, as they are stored.

    Args:
        picture: a path, encoded bytes, a binary stream, a PIL image or a uint8 array.
        side: pixels of its longest side that are enough: a JPEG may be decoded to no more.

    Returns:
        The pixels, and how many the longest side has in the file.

    Raises:
        PictureNotFound: the path names no file.
        UnreadablePicture: it is empty, truncated, too large, or not an image.
    """
    if isinstance(picture, np.ndarray):
        image = _from_array(picture)
        return image, max(image.size)
    # Pillow warns of damaged metadata, which the pixels do not need, and of large pictures,
    # which are refused below.
    with _no_warnings:
        if isinstance(picture, Image.Image):
            return _loaded(picture, "the picture"), max(picture.size)
        name, content = _read(picture)
        if not content:
            raise UnreadablePicture(f"{name} is empty; expected an image such as a PNG or JPEG")
        image = _open(content, name)
        longest = max(image.size)
        return _loaded(image, name, needed=side), longest


def stored_gray(image: Image.Image) -> NDArray[np.uint8] | None:
    """The grey levels of a picture of which nothing but these is known, ``(height, width)``.

    None where there may be colours, an orientation, or a colour that is transparent.
    """
    if image.mode != "L" or image.info or image.format not in _BARE:
        return None
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)


def to_rgb(image: Image.Image, longest: int, *, side: int) -> tuple[NDArray[np.uint8], float]:
    """A picture's colours on white paper, turned the way its EXIF orientation says.

    Args:
        image: decoded.
        longest: pixels of its longest side in the file.
        side: pixels that its longest side is brought down to; a smaller one stays as it is.

    Returns:
        ``(height, width, 3) uint8``, and how many of the picture's pixels one of these is long.

    Raises:
        UnreadablePicture: its values are no numbers.
    """
    with _no_warnings:
        colours = _to_colours(image, side)
    return colours, longest / max(colours.shape[:2])


def _open(content: bytes, name: str) -> Image.Image:
    """What the bytes say of themselves, none of its pixels decoded."""
    try:
        if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
            # Only such a picture pays for the import; and Pillow, which the caller may use as
            # well, is left without the plugin.
            from pillow_heif import HeifImageFile

            heic: Image.Image = HeifImageFile(io.BytesIO(content))
            return heic
        if content.startswith(_PNG):
            # Image.open would import the plugins of four other formats before it looks.
            from PIL.PngImagePlugin import PngImageFile

            return PngImageFile(io.BytesIO(content))
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except ImportError as error:
        raise UnreadablePicture(
            f"{name} is a HEIC photo, which needs another package: {extra_install_command('heic')}"
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadablePicture(
            f"{name} is not an image; expected {', '.join(FORMATS)} or HEIC"
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except Exception as error:
        raise _damaged(name, error) from error


def _loaded(image: Image.Image, name: str, *, needed: int | None = None) -> Image.Image:
    """The pixels, as they are stored.

    Args:
        image: opened, or decoded already.
        name: for messages.
        needed: pixels of the longest side that are enough. Left out for an image that the caller
            holds, which it would leave smaller than it was.
    """
    if not image.width * image.height:
        raise UnreadablePicture(f"{name} has no pixels: {image.width}x{image.height}")
    if image.width * image.height > _MOST_PIXELS:
        raise _too_large(name)
    try:
        if needed and image.format in _JPEGS:
            # A JPEG can be decoded at a half, a quarter or an eighth: all that is needed of it.
            shrink = needed / max(image.size)
            image.draft(None, (round(image.width * shrink), round(image.height * shrink)))
        image.load()
    # Pillow's decoders raise whatever the damage led them to.
    except Exception as error:
        raise _damaged(name, error) from error
    return image


def _to_colours(image: Image.Image, side: int) -> NDArray[np.uint8]:
    turn = _turn(image)
    times = max(image.size) // side
    if times > 1 and image.mode in _REDUCIBLE and "transparency" not in image.info:
        # Before anything copies it: twelve megapixels are 36 MB each time.
        image = image.reduce(times)
    flat = _flatten(image)
    if max(flat.size) > side:
        shrink = side / max(flat.size)
        size = (max(1, round(flat.width * shrink)), max(1, round(flat.height * shrink)))
        flat = flat.resize(size, Image.Resampling.BOX)
    if turn is not None:
        flat = flat.transpose(turn)
    return np.asarray(flat)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What turns a picture the way its EXIF orientation says; None where it is upright."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001  # metadata too damaged to say which way is up
        return None
    return _TURNS.get(orientation or 1)


def _flatten(image: Image.Image) -> Image.Image:
    """Any mode in RGB, laid on paper where it is transparent."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_stretch(np.asarray(image, np.float32))).convert("RGB")
    if image.mode == "LAB":
        return image.getchannel("L").convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode not in _TRANSPARENT_MODES and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, _paper_for(rgba))
    return Image.alpha_composite(paper, rgba).convert("RGB")


def _paper_for(rgba: Image.Image) -> str:
    """White, or black where what is drawn is white and there is nothing else."""
    pixels = np.asarray(rgba)
    drawn = pixels[..., 3] > _OPAQUE
    if drawn.all() or not drawn.any():
        return "white"
    return "black" if pixels[..., :3][drawn].min() > _WHITE else "white"


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
        name = str(source)
    else:
        name = str(getattr(source, "name", "the picture"))
    try:
        if not isinstance(source, (str, os.PathLike)):
            return name, source.read()
        # Path.read_bytes takes twice as long, of what a small picture takes in all.
        with open(source, "rb", buffering=0) as file:  # noqa: PTH123
            return name, file.read()
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
