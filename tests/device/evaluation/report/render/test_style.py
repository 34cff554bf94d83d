"""The colors of the page."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mnist_edge.evaluation.report.render.style import COLORS


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_colors_have_enough_contrast(theme: int) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 for text."""
    block = re.findall(r":root \{(.*?)\}", COLORS, re.DOTALL)[theme]
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", block))

    def luminance(name: str) -> float:
        shares = [int(colors[name][place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return float(np.dot((0.2126, 0.7152, 0.0722), linear))

    def contrast(first: str, second: str) -> float:
        dark, light = sorted((luminance(first), luminance(second)))
        return (light + 0.05) / (dark + 0.05)

    for letters in ("ink", "soft", "faint", "reference", "missed", "passed"):
        assert contrast(letters, "paper") >= 4.5
    for letters in ("ink", "soft", "missed"):
        assert contrast(letters, "panel") >= 4.5
    for state in ("passed", "missed"):
        assert contrast(state, f"{state}-panel") >= 4.5
        assert contrast("ink", f"{state}-panel") >= 4.5
    for mark in ("reference", "candidate", "better", "worse"):
        assert contrast(mark, "paper") >= 3
