"""Folders and files of the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PICTURES = DATA / "pictures"
TINY = DATA / "models"
EDGE = ROOT / "models" / "edge"
NANO = ROOT / "models" / "nano"
SAMPLE = ROOT / "mnist_edge" / "samples" / "digit.png"
