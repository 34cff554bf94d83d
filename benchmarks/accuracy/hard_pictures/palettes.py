"""Colors of inks, papers, boards and tables."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Color: TypeAlias = tuple[float, float, float]

INKS = ((28.0, 28.0, 32.0), (25.0, 35.0, 110.0), (40.0, 60.0, 150.0))
WHITES: tuple[Color, ...] = ((246, 246, 244), (238, 236, 230), (228, 228, 230), (216, 211, 200))
PAPERS: tuple[Color, ...] = (
    (245, 228, 120),
    (240, 190, 200),
    (180, 210, 235),
    (190, 160, 120),
    (185, 220, 180),
    (230, 170, 110),
)
TINTED_INKS: tuple[Color, ...] = (
    (180, 30, 40),
    (40, 60, 160),
    (20, 110, 60),
    (100, 50, 130),
    (200, 90, 20),
    (30, 30, 35),
)
BOARDS: tuple[Color, ...] = ((38, 62, 50), (30, 32, 34), (52, 78, 66), (45, 50, 60))
TABLES: tuple[Color, ...] = ((120, 85, 55), (60, 55, 52), (150, 140, 130), (90, 60, 40))


def luminance(color: Color) -> float:
    """Return the luminance of a color (ITU-R BT.601)."""
    return float(np.dot(color, (0.299, 0.587, 0.114)))
