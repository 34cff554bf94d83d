"""Decode any picture to RGB on white paper.

Pillow decodes; this module keeps it from decoding more than is needed, from rare formats, and from
pictures that claim to be larger than any camera's.
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
from mnist_edge.system.text import one_line

Picture: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]
"""A picture to read: a path, encoded bytes, a binary stream, a PIL image, or a
``(height, width[, 1, 3 or 4]) uint8`` array."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""Pillow's names of the formats that are read; no other of its decoders is reachable."""

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".pbm", ".ppm"}
    | {".heic", ".heif"}
)
"""Suffixes of the files in a folder that are taken for pictures, in lower case."""

_HEIC_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"msf1"),
)
"""Brands of HEIC, which phones save; bytes 8 to 12 of a file, after ``ftyp``."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first bytes of every PNG (RFC 2083, section 3.1)."""
_MAX_PIXELS = 50_000_000
"""Maximum number of pixels of a picture: a 48-megapixel photo. A small file can claim far more."""
_JPEG_FORMATS = ("JPEG", "MPO")
"""Pillow's names of JPEG; the second is for files with several pictures, as phones save."""
_ALPHA_MODES = ("LA", "PA", "RGBA", "RGBa")
"""Pillow's modes with an alpha band; other modes may name a transparent color instead."""
_REDUCIBLE_MODES = ("L", "RGB", "RGBX", "CMYK", "YCbCr", "LA", "RGBA")
"""Pillow's modes whose pixels can be averaged without a conversion."""
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that turns a picture upright, by its EXIF orientation (Exif 2.32, tag 274)."""
_PLAIN_FORMATS = (None, "PNG", "PPM")
"""Pillow's names of the formats that have all metadata in ``Image.info``; None is an array's."""
_MIN_OPAQUE = 128
"""Minimum alpha of a pixel that counts as drawn."""
_MAX_DARK = 200
"""Maximum brightness of ink that can be seen on white paper."""


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
    """Decode a picture, in the mode and orientation in which it is stored.

    Args:
        picture: a path, encoded bytes, a binary stream, a PIL image or a uint8 array.
        side: required length of the longest side in pixels; a JPEG may be decoded to no more.

    Returns:
        The pixels, and the length of the stored picture's longest side.

    Raises:
        PictureNotFound: no file has this path.
        UnreadablePicture: the picture is empty, truncated, too large, or not an image.
    """
    if isinstance(picture, np.ndarray):
        image = _from_array(picture)
        return image, max(image.size)
    # Pillow warns of damaged metadata, which the pixels do not need, and of large pictures,
    # which are refused below.
    with _no_warnings:
        if isinstance(picture, Image.Image):
            return _load(picture, "the picture"), max(picture.size)
        name, content = _read(picture)
        if not content:
            raise UnreadablePicture(f"{name} is empty; expected an image such as a PNG or JPEG")
        image = _open(content, name)
        longest = max(image.size)
        return _load(image, name, side=side), longest


def stored_gray(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the gray levels of a picture that consists of nothing else, ``(height, width)``.

    Returns None if the picture may have colors, an orientation, or a transparent color.
    """
    if image.mode != "L" or image.info or image.format not in _PLAIN_FORMATS:
        return None
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)


def to_rgb(image: Image.Image, longest: int, *, side: int) -> tuple[NDArray[np.uint8], float]:
    """Convert a picture to RGB on white paper, reduced, and turned by its EXIF orientation.

    Args:
        image: decoded.
        longest: length of the stored picture's longest side in pixels.
        side: longest side, in pixels, that a larger picture is reduced to.

    Returns:
        ``(height, width, 3) uint8``, and the pixels of the stored picture per pixel of it.

    Raises:
        UnreadablePicture: the pixels are not all numbers.
    """
    with _no_warnings:
        rgb = _to_rgb(image, side)
    return rgb, longest / max(rgb.shape[:2])


def _open(content: bytes, name: str) -> Image.Image:
    """Open a picture without decoding its pixels."""
    try:
        if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
            # Imported for HEIC alone. The plugin is not registered: Pillow belongs to the caller.
            from pillow_heif import HeifImageFile

            heic: Image.Image = HeifImageFile(io.BytesIO(content))
            return heic
        if content.startswith(_PNG_SIGNATURE):
            # Image.open would first import the plugins of four other formats.
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


def _load(image: Image.Image, name: str, *, side: int | None = None) -> Image.Image:
    """Decode the pixels of a picture.

    Args:
        image: opened; an image that is decoded already is returned as it is.
        name: for messages.
        side: required length of the longest side in pixels; None for an image of the caller's,
            which must keep its size.
    """
    if not image.width * image.height:
        raise UnreadablePicture(f"{name} has no pixels: {image.width}x{image.height}")
    if image.width * image.height > _MAX_PIXELS:
        raise _too_large(name)
    try:
        if side and image.format in _JPEG_FORMATS:
            # A JPEG can be decoded to a half, a quarter or an eighth of its size.
            scale = side / max(image.size)
            image.draft(None, (round(image.width * scale), round(image.height * scale)))
        image.load()
    # Pillow's decoders raise whatever the damage leads to.
    except Exception as error:
        raise _damaged(name, error) from error
    return image


def _to_rgb(image: Image.Image, side: int) -> NDArray[np.uint8]:
    transposition = _transposition(image)
    factor = max(image.size) // side
    if factor > 1 and image.mode in _REDUCIBLE_MODES and "transparency" not in image.info:
        # Before any copy is made: twelve megapixels are 36 MB each time.
        image = image.reduce(factor)
    flat = _flatten(image)
    if max(flat.size) > side:
        scale = side / max(flat.size)
        size = (max(1, round(flat.width * scale)), max(1, round(flat.height * scale)))
        flat = flat.resize(size, Image.Resampling.BOX)
    if transposition is not None:
        flat = flat.transpose(transposition)
    return np.asarray(flat)


def _transposition(image: Image.Image) -> Image.Transpose | None:
    """Return the operation that turns a picture upright; None if it is upright."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001  # damaged metadata does not tell
        return None
    return _TRANSPOSITIONS.get(orientation or 1)


def _flatten(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, with transparent pictures laid on paper."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_stretch(np.asarray(image, np.float32))).convert("RGB")
    if image.mode == "LAB":
        return image.getchannel("L").convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode not in _ALPHA_MODES and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, _paper_color(rgba))
    return Image.alpha_composite(paper, rgba).convert("RGB")


def _paper_color(rgba: Image.Image) -> str:
    """Return white, or black if everything that is drawn is nearly white."""
    pixels = np.asarray(rgba)
    is_drawn = pixels[..., 3] >= _MIN_OPAQUE
    if is_drawn.all() or not is_drawn.any():
        return "white"
    return "black" if pixels[..., :3][is_drawn].min() > _MAX_DARK else "white"


def _too_large(name: str) -> UnreadablePicture:
    return UnreadablePicture(
        f"{name} is too large: more than {_MAX_PIXELS // 1_000_000} megapixels; scale it down"
    )


def _damaged(name: str, error: Exception) -> UnreadablePicture:
    reason = one_line(error)
    return UnreadablePicture(f"{name} is damaged or truncated ({reason}); copy or save it again")


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, bytes]:
    """Return a name for messages, and the encoded bytes."""
    if isinstance(source, bytes):
        return "the picture", source
    if isinstance(source, (str, os.PathLike)):
        name = str(source)
    else:
        name = str(getattr(source, "name", "the picture"))
    try:
        if not isinstance(source, (str, os.PathLike)):
            return name, _read_stream(source, name)
        # Path.read_bytes takes twice as long, which counts for small pictures.
        with open(source, "rb", buffering=0) as file:  # noqa: PTH123
            return name, file.read()
    except FileNotFoundError as error:
        raise PictureNotFound(f"no picture {name}; check the path") from error
    except OSError as error:
        raise UnreadablePicture(f"cannot read {name}: {error.strerror or error}") from error
    except ValueError as error:  # a path with a null character, or a closed stream
        raise PictureNotFound(f"no picture {name!r} ({error}); check the path") from error


def _read_stream(stream: BinaryIO, name: str) -> bytes:
    if not hasattr(stream, "read"):
        raise UnreadablePicture(
            f"a {type(stream).__name__} is not a picture; expected a path, bytes, a binary stream, "
            "a PIL image or a uint8 array"
        )
    content = stream.read()
    if not isinstance(content, bytes):
        raise UnreadablePicture(f"{name} is open as text; open it in binary mode")
    return content


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8:
        raise UnreadablePicture(
            f"the array has dtype {array.dtype}; expected uint8, 0..255, for example "
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
            f"the array has shape {array.shape}; expected (height, width), "
            "or (height, width, 1, 3 or 4)"
        )
    return Image.fromarray(array)


def _stretch(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Stretch deep gray levels, whose range no format states, from their own range to 0..255."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise UnreadablePicture("the picture holds values that are not numbers; save it as 8-bit")
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    stretched: NDArray[np.uint8] = np.rint((values - low) * (255 / (high - low))).astype(np.uint8)
    return stretched
