"""Pictures that do not look at first like what they are, written with the built-in digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data.builtin_digits import load_builtin_digits

Pixels = NDArray[np.uint8]


def coverage(index: int, height: int) -> NDArray[np.float32]:
    """Return one of the built-in digits at a height, as the share of ink in each pixel."""
    image = load_builtin_digits().images[index]
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    crop = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    size = (max(1, round(crop.width * height / crop.height)), height)
    scaled = crop.resize(size, Image.Resampling.BICUBIC)
    ink: NDArray[np.float32] = np.asarray(scaled, np.float32) / 255
    return ink


def write(paper: Pixels, ink: tuple[int, int, int], index: int, share: float) -> Pixels:
    """Write one of the built-in digits into the middle of a sheet."""
    height, width = paper.shape[:2]
    digit = coverage(index, round(share * height))[..., np.newaxis]
    top, left = (height - digit.shape[0]) // 2, (width - digit.shape[1]) // 2
    written = paper.astype(np.float32)
    window = written[top : top + digit.shape[0], left : left + digit.shape[1]]
    window[...] = window * (1 - digit) + np.array(ink, np.float32) * digit
    picture: Pixels = written.astype(np.uint8)
    return picture


def plain(size: tuple[int, int], color: tuple[int, int, int], noise: float = 2) -> Pixels:
    values = np.array(color) + np.random.default_rng(0).normal(0, noise, (*size, 3))
    paper: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return paper


def card_on_a_table(index: int) -> Pixels:
    table = Image.fromarray(plain((320, 400), (50, 40, 30)))
    card = Image.fromarray(write(plain((150, 120), (230, 225, 215)), (30, 30, 90), index, 0.5))
    turned = card.convert("RGBA").rotate(9, Image.Resampling.BICUBIC, expand=True)
    table.paste(turned, (160, 70), turned)
    picture: Pixels = np.asarray(table)
    return picture


def padded_crop(index: int) -> Pixels:
    padded = np.full((200, 200, 3), 255, np.uint8)
    padded[:, 40:160] = write(plain((200, 120), (150, 148, 140)), (40, 40, 40), index, 0.45)
    return padded
