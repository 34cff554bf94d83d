"""Folders and files of the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PICTURES = DATA / "pictures"
TINY = DATA / "models"
EDGE = ROOT / "models" / "edge"
NANO = ROOT / "models" / "nano"
MICRO = ROOT / "models" / "micro"
SAMPLE = ROOT / "mnist_edge" / "samples" / "digit.png"
NUMPY_MODELS = [
    NANO / "int8.tflite",
    *(
        TINY / f"{name}.tflite"
        for name in (
            "operators-depthwise",
            "operators-float",
            "operators-kept",
            "operators-maximum",
            "operators-mean",
            "operators-padded",
            "quadrants-int8",
            "quadrants-uint8",
            "regression-int8",
            "regression-rgb",
            "regression-uint8",
            "zero",
        )
    ),
]
"""Models that the numpy runtime runs; between them they have every operator that it knows."""
