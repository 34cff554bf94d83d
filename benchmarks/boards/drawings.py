"""Compare ``digit_read`` in C with the front end in Python on a folder of drawings.

    python -m benchmarks.boards.drawings FOLDER --kind b_drawn

The folder has an ``index.csv`` with a picture's path, label and kind. Pictures of one digit are
read by both, with the same model. Plain are those whose paper has one gray level, which Python
takes for drawings too; the others it takes for photos, and C for drawings.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from converters.c.source import generate
from mnist_edge import Classifier
from mnist_edge.preprocessing.flat_background import has_flat_background
from mnist_edge.preprocessing.pipeline import trace_preprocessing


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What both read in one picture."""

    label: int
    in_c: int | None
    """None if it abstains."""
    in_python: int | None
    is_plain: bool


class _Reading(ctypes.Structure):
    _fields_ = (("digit", ctypes.c_int8), ("confidence", ctypes.c_int16))


def compare(folder: Path, *, kind: str, model: str) -> list[Answers]:
    """Read every picture of one digit of a kind."""
    classifier, answers = Classifier(model), []
    if classifier.model.manifest is None:
        raise SystemExit(f"{model} has no manifest")
    source = generate(classifier.model.content, classifier.model.manifest, prefix="model")
    with tempfile.TemporaryDirectory() as temporary:
        for name, text in source.files.items():
            (Path(temporary) / name).write_text(text, encoding="ascii")
        words = ["cc", "-O2", "-shared", "-fPIC", "model.c", "model_read.c", "-o", "model.so"]
        subprocess.run(words, cwd=temporary, check=True)
        native = ctypes.CDLL(f"{temporary}/model.so")
    workspace = (ctypes.c_uint8 * source.workspace)()
    with (folder / "index.csv").open(encoding="utf-8", newline="") as index:
        rows = [row for row in csv.DictReader(index) if row["kind"] == kind]
    for row in rows:
        if len(row["label"]) == 1:
            trace = trace_preprocessing(folder / row["path"])
            gray = np.ascontiguousarray(Image.fromarray(trace.rgb).convert("L"))
            answers.append(
                Answers(
                    label=int(row["label"]),
                    in_c=_read(native, workspace, gray),
                    in_python=classifier.classify(trace).digit,
                    is_plain=has_flat_background(gray),
                )
            )
    return answers


def _read(native: ctypes.CDLL, workspace: object, gray: NDArray[np.uint8]) -> int | None:
    reading = _Reading()
    height, width = gray.shape
    pixels = gray.ctypes.data_as(ctypes.c_void_p)
    status = native.model_read(workspace, pixels, width, height, ctypes.byref(reading))
    return int(reading.digit) if status == 0 else None


def main() -> None:
    """Print how many are right, wrong and withheld, and how often both agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", default="b_drawn")
    parser.add_argument("--model", default="nano")
    arguments = parser.parse_args()
    answers = compare(arguments.folder, kind=arguments.kind, model=arguments.model)
    for name in ("in_c", "in_python"):
        found = [(getattr(one, name), one.label) for one in answers]
        right = sum(digit == label for digit, label in found)
        withheld = sum(digit is None for digit, _ in found)
        wrong = len(found) - right - withheld
        print(f"{name:9} {right} right, {wrong} wrong, {withheld} withheld of {len(found)}")
    for title, chosen in (("plain", True), ("others", False)):
        alike = [one.in_c == one.in_python for one in answers if one.is_plain is chosen]
        print(f"{title:9} {sum(alike)} of {len(alike)} answered alike")


if __name__ == "__main__":
    main()
