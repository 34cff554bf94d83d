"""Decode any picture to RGB on white paper.

Pillow decodes; this module keeps it from decoding more than is needed, from rare formats, and from
pictures that claim to be larger than any camera's.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
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

_SUFFIX_OF = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "GIF": ".gif",
    "PPM": ".ppm",
    "HEIF": ".heic",
}
"""A suffix for each of Pillow's formats."""
_HEIC_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"msf1"),
)
"""Brands of HEIC, which phones save; bytes 8 to 12 of a file, after ``ftyp``."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first bytes of every PNG (RFC 2083, section 3.1)."""
_MAX_PIXELS = 50_000_000
"""Maximum number of pixels of a picture: a 48-megapixel photo. A small file can claim far more."""
MAX_FILE_BYTES = 64_000_000
"""Maximum size of a picture's file: an uncompressed photo of 20 megapixels."""
_MAX_DECODING_BYTES = 125_000_000
"""Maximum memory that a picture may take while it is decoded, its file included: the whole program,
which takes 45 to 60 MB at rest, then stays below 200 MB. A file of 34 bytes can ask for a
gigabyte."""
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Bytes of a pixel in Pillow's memory, by mode; 4 in every other mode."""
_DECODER_BYTES = {"WEBP": 12, "GIF": 4}
"""Bytes of a pixel that a decoder holds in addition, by format."""
_SAMPLES_OF_CHROMA = {420: 1.5, 422: 2.0}
"""Samples of a HEIC photo's pixel, by its chroma subsampling; 3 without one."""
_FULL_SIDE = 1 << 16
"""Longest side in pixels that a whole picture is decoded to: longer than any picture's."""
_WHOLE_PIXEL_BYTES = 7
"""Bytes of a pixel of a picture that is held whole: four of Pillow's beside three of an array."""
_BAND_ROWS = 64
"""Rows of a picture that are copied at a time: Pillow hands pixels over in a copy of its own."""
_TILE_SIDE = 512
"""Side, in pixels, of the tiles in which a large picture is converted: Pillow takes several copies
of each."""
_JPEG_FORMATS = ("JPEG", "MPO")
"""Pillow's names of JPEG; the second is for files with several pictures, as phones save."""
_MIN_DRAFT = 0.75
"""Minimum length of the longest side that a JPEG is decoded to, relative to the side asked for: a
twelve-megapixel photo has 500 pixels at an eighth, and takes half as long as at a quarter."""
_ALPHA_MODES = ("LA", "PA", "RGBA", "RGBa")
"""Pillow's modes with an alpha band; other modes may name a transparent color instead."""
_REDUCIBLE_MODES = ("L", "RGB", "RGBX", "CMYK", "YCbCr")
"""Pillow's modes whose pixels can be averaged without a conversion: it multiplies those of LA and
RGBA by their alpha first, in a copy."""
_PALETTE_COLORS = 256
"""Colors of a palette at most."""
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
_MIRRORED = {
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
}
"""Operations after which a column of the upright picture counts from the stored one's other end."""
_UPSIDE_DOWN = {
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_90,
    Image.Transpose.TRANSVERSE,
}
"""Operations after which a row of the upright picture counts from the stored one's other end."""
_SWAPPED = {
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
}
"""Operations after which the stored picture's rows are the upright one's columns."""
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
            if getattr(picture, "tile", None):
                # The caller opened it, and nobody has decoded it yet.
                _require_memory(picture, "the picture")
            return _load(picture, "the picture"), max(picture.size)
        name, content = _read(picture)
        if not content:
            raise UnreadablePicture(f"{name} is empty; expected an image such as a PNG or JPEG")
        image = _open(content, name)
        longest = max(image.size)
        coefficients = _coefficient_bytes(image)
        _draft(image, name, side=side)
        _require_memory(image, name, more=len(content) + coefficients)
        return _load(image, name), longest


def decode_whole(picture: str | os.PathLike[str] | bytes, *, turn: int = 0) -> NDArray[np.uint8]:
    """Decode a picture to RGB at its full size.

    Args:
        picture: a path, or encoded bytes.
        turn: degrees by which the stored picture is turned clockwise, a multiple of 90.

    Returns:
        ``(height, width, 3) uint8``; transparency is left out.

    Raises:
        PictureNotFound: no file has this path.
        UnreadablePicture: as for ``decode``; or it is too large to be held beside a copy.
    """
    image, _ = decode(picture, side=_FULL_SIDE)
    file = len(picture) if isinstance(picture, bytes) else 0
    needed = file + _WHOLE_PIXEL_BYTES * image.width * image.height
    if needed > _MAX_DECODING_BYTES:
        raise UnreadablePicture(
            f"the picture is too large to be held whole: {image.width}x{image.height} pixels take "
            f"{needed / 1e6:.0f} MB, expected at most {_MAX_DECODING_BYTES / 1e6:.0f}; take a "
            "smaller one"
        )
    size = (image.height, image.width) if turn % 180 == 0 else image.size
    pixels = np.empty((*size, 3), np.uint8)
    stored = np.rot90(pixels, turn // 90)
    with _no_warnings:
        convert = _conversion(image)
        for top in range(0, image.height, _BAND_ROWS):
            bottom = min(image.height, top + _BAND_ROWS)
            band = image.crop((0, top, image.width, bottom))
            stored[top:bottom] = convert(band).convert("RGB")
    return pixels


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the width and height of a picture once it is turned by its EXIF orientation."""
    width, height = image.size
    return (height, width) if _transposition(image) in _SWAPPED else (width, height)


def upright_part(image: Image.Image, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a box of a decoded picture at its full size, in RGB on white paper, and upright.

    The rest of the picture is not copied, which would take several times its memory.

    Args:
        image: decoded, at its full size.
        box: left, top, right and bottom in pixels of the upright picture, within it.

    Returns:
        ``(bottom - top, right - left, 3) uint8``.

    Raises:
        UnreadablePicture: the pixels are not all numbers.
    """
    with _no_warnings:
        transposition = _transposition(image)
        part = _conversion(image)(image.crop(_stored_box(image, box)))
        flat = _flatten(part)
        return np.asarray(flat if transposition is None else flat.transpose(transposition))


def _stored_box(image: Image.Image, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return where a box of the upright picture is in the stored one."""
    transposition = _transposition(image)
    width, height = upright_size(image)
    left, top, right, bottom = box
    if transposition in _MIRRORED:
        left, right = width - right, width - left
    if transposition in _UPSIDE_DOWN:
        top, bottom = height - bottom, height - top
    if transposition in _SWAPPED:
        left, top, right, bottom = top, left, bottom, right
    return left, top, right, bottom


def picture_size(content: bytes) -> tuple[int, int]:
    """Return a picture's width and height in pixels, from its header alone.

    Args:
        content: an encoded picture.

    Raises:
        UnreadablePicture: it is not an image, or claims more pixels than any is read with.
    """
    with _no_warnings:
        return _open(content, "the picture").size


def picture_suffix(content: bytes) -> str:
    """Return the suffix of the files that have an encoded picture's format, such as ``.png``.

    Raises:
        UnreadablePicture: it is not an image.
    """
    with _no_warnings:
        return _SUFFIX_OF[_open(content, "the picture").format or ""]


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
        raise UnreadablePicture(f"{name} is too large ({error}); scale it down") from error
    except Exception as error:
        raise _damaged(name, error) from error


def _draft(image: Image.Image, name: str, *, side: int) -> None:
    """Have a JPEG decoded to a half, a quarter or an eighth of its size, if that is enough."""
    if image.format not in _JPEG_FORMATS or not image.width * image.height:
        return
    scale = _MIN_DRAFT * side / max(image.size)
    try:
        # A side of nothing is one that Pillow divides by.
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image.draft(None, size)
    except Exception as error:
        raise _damaged(name, error) from error


def _require_memory(image: Image.Image, name: str, *, more: int = 0) -> None:
    """Refuse a picture whose pixels would take too much memory.

    Args:
        image: opened and not decoded.
        name: for messages.
        more: bytes that are needed besides.
    """
    pixel = _PIXEL_BYTES.get(image.mode, 4) + _decoder_bytes(image)
    # Pillow holds a pointer to each row, and decoders some rows at a time.
    needed = more + round(pixel * image.width * (image.height + 3)) + 8 * image.height
    if needed > _MAX_DECODING_BYTES or image.width * image.height > _MAX_PIXELS:
        # A JPEG's own size is not the one that it is decoded to.
        what = (
            "this progressive JPEG"
            if "progressive" in image.info
            else f"{image.width}x{image.height} pixels"
        )
        raise UnreadablePicture(
            f"{name} is too large: decoding {what} takes "
            f"{needed / 1e6:.0f} MB; at most {_MAX_PIXELS / 1e6:.0f} megapixels and "
            f"{_MAX_DECODING_BYTES / 1e6:.0f} MB are decoded: scale it down"
        )


def _decoder_bytes(image: Image.Image) -> float:
    """Return the bytes of a pixel that a decoder holds besides the picture."""
    if image.format != "HEIF":
        return _DECODER_BYTES.get(image.format or "", 0)
    # libheif holds the planes of the codec, of which alpha is one, beside the converted pixels.
    bands = len(image.getbands())
    samples = _SAMPLES_OF_CHROMA.get(image.info.get("chroma", 444), 3)
    planes = bands if bands < 3 else bands - 3 + samples
    depth: int = image.info.get("bit_depth", 8)
    return bands + planes * (2 if depth > 8 else 1)


def _coefficient_bytes(image: Image.Image) -> int:
    """Return the memory of a progressive JPEG's coefficients, which are decoded at full size."""
    if "progressive" not in image.info:
        return 0
    # Two bytes for each coefficient; chroma has fewer of them, by its sampling factors.
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    # A damaged one may say that it has no samples at all.
    full = max((across * down for _, across, down, _ in layers), default=1) or 1
    share = sum(across * down / full for _, across, down, _ in layers)
    return round(2 * share * image.width * image.height)


def _load(image: Image.Image, name: str) -> Image.Image:
    """Decode the pixels of a picture; one that is decoded already is returned as it is."""
    if not image.width * image.height:
        raise UnreadablePicture(f"{name} has no pixels: {image.width}x{image.height}")
    try:
        image.load()
    # Pillow's decoders raise whatever the damage leads to.
    except Exception as error:
        raise _damaged(name, error) from error
    return image


def _to_rgb(image: Image.Image, side: int) -> NDArray[np.uint8]:
    transposition = _transposition(image)
    flat = _flatten(_reduce(image, max(1, max(image.size) // side)))
    if max(flat.size) > side:
        scale = side / max(flat.size)
        size = (max(1, round(flat.width * scale)), max(1, round(flat.height * scale)))
        flat = flat.resize(size, Image.Resampling.BOX)
    if transposition is not None:
        flat = flat.transpose(transposition)
    return np.asarray(flat)


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    """Shrink a picture by a whole factor, in a mode whose pixels can be averaged.

    A mode that has to be converted first is converted tile by tile: copies of a large picture would
    take several times its memory.
    """
    if image.mode in _REDUCIBLE_MODES and "transparency" not in image.info:
        return image.reduce(factor) if factor > 1 else image
    convert = _conversion(image)
    if factor == 1:
        return convert(image)
    side = factor * max(1, _TILE_SIDE // factor)
    reduced: Image.Image | None = None
    for left, top, tile in _tiles(image, side):
        part = convert(tile).reduce(factor)
        if reduced is None:
            size = (-(-image.width // factor), -(-image.height // factor))
            reduced = Image.new(part.mode, size)
        reduced.paste(part, (left // factor, top // factor))
    assert reduced is not None  # noqa: S101  # a picture has pixels
    return reduced


def _tiles(image: Image.Image, side: int) -> Iterator[tuple[int, int, Image.Image]]:
    """Yield the squares of a picture with their left and top pixel."""
    for top in range(0, image.height, side):
        for left in range(0, image.width, side):
            right, bottom = min(image.width, left + side), min(image.height, top + side)
            yield left, top, image.crop((left, top, right, bottom))


def _conversion(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return the conversion of a picture's mode to one whose pixels can be averaged."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Deep gray levels, whose range no format states, are stretched from their own.
        ranges = [_value_range(tile) for _, _, tile in _tiles(image, _TILE_SIDE)]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        return lambda part: Image.fromarray(_stretch(np.asarray(part, np.float32), low, high))
    if image.mode == "LAB":
        return lambda part: part.getchannel("L")
    if image.mode == "La":
        return lambda part: part.convert("LA")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return _to_rgba
    return lambda part: part.convert("RGB")


def _to_rgba(image: Image.Image) -> Image.Image:
    """Convert a picture to RGBA; Pillow fails where more colors are transparent than there are."""
    transparency = image.info.get("transparency")
    if image.mode == "P" and isinstance(transparency, int) and transparency >= _PALETTE_COLORS:
        return image.convert("RGB")
    if image.mode == "P" and isinstance(transparency, bytes):
        image = image.copy()
        image.info["transparency"] = transparency[:_PALETTE_COLORS]
    return image.convert("RGBA")


def _transposition(image: Image.Image) -> Image.Transpose | None:
    """Return the operation that turns a picture upright; None if it is upright."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001  # damaged metadata does not tell
        return None
    return _TRANSPOSITIONS.get(orientation or 1)


def _flatten(image: Image.Image) -> Image.Image:
    """Convert a picture to RGB, with a transparent one laid on paper."""
    if image.mode not in _ALPHA_MODES:
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
            content = _read_stream(source, name)
        else:
            # Opening a pipe would wait for a writer, and a device may never end.
            status = os.stat(source)  # noqa: PTH116  # Path.stat takes twice as long
            if not stat.S_ISREG(status.st_mode):
                raise UnreadablePicture(
                    f"{name} is not a file; expected an image, or - for standard input"
                )
            # Path.read_bytes takes twice as long, which counts for small pictures.
            with open(source, "rb", buffering=0) as file:  # noqa: PTH123
                content = file.read(min(status.st_size, MAX_FILE_BYTES) + 1)
    except FileNotFoundError as error:
        raise PictureNotFound(f"no picture {name}; check the path") from error
    except OSError as error:
        raise UnreadablePicture(f"cannot read {name}: {error.strerror or error}") from error
    except ValueError as error:  # a path with a null character, or a closed stream
        raise PictureNotFound(f"no picture {name!r} ({error}); check the path") from error
    if len(content) > MAX_FILE_BYTES:
        raise UnreadablePicture(
            f"{name} has more than {MAX_FILE_BYTES // 1_000_000} MB; expected an image, scale it "
            "down"
        )
    return name, content


def _read_stream(stream: BinaryIO, name: str) -> bytes:
    if not hasattr(stream, "read"):
        raise UnreadablePicture(
            f"a {type(stream).__name__} is not a picture; expected a path, bytes, a binary stream, "
            "a PIL image or a uint8 array"
        )
    content = stream.read(MAX_FILE_BYTES + 1)
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


def _value_range(image: Image.Image) -> tuple[float, float]:
    values = np.asarray(image, np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise UnreadablePicture("the picture holds values that are not numbers; save it as 8-bit")
    return low, high


def _stretch(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Stretch values from a range to 0..255."""
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    stretched: NDArray[np.uint8] = np.rint((values - low) * (255 / (high - low))).astype(np.uint8)
    return stretched
