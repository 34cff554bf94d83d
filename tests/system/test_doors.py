from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.modelstore import loading
from mnist_edge.preprocessing.pipeline import preprocess
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import describe_runtime
from tests.support.paths import DATA

GOLDEN = json.loads((DATA / "golden.json").read_text())
NAMES = sorted(GOLDEN["answers"])
AGAIN = "write new answers with: python tests/data/make_golden.py"


@contextmanager
def nothing_to_close(source: Any) -> Iterator[Any]:
    yield source


DOORS: dict[str, Callable[[Path], Any]] = {
    "a path as text": lambda path: nothing_to_close(str(path)),
    "a path": nothing_to_close,
    "encoded bytes": lambda path: nothing_to_close(path.read_bytes()),
    "a binary file": lambda path: path.open("rb"),
    "an unbuffered file": lambda path: path.open("rb", buffering=0),
    "a stream in memory": lambda path: io.BytesIO(path.read_bytes()),
    "a PIL image": Image.open,
    "an array": lambda path: nothing_to_close(np.asarray(Image.open(path).copy())),
}


def test_the_golden_answers_belong_to_the_shipped_model(data: Path) -> None:
    assert GOLDEN["model"] == loading.load_model().sha256, AGAIN
    assert {path.name for path in (data / "pictures").iterdir()} == set(NAMES), AGAIN


@pytest.mark.parametrize("name", NAMES)
def test_the_raw_outputs_equal_the_golden_ones(name: str, pictures: Path) -> None:
    raw = open_model(loading.load_model()).raw_output(preprocess(pictures / name).pixels)
    golden = np.array(GOLDEN["answers"][name]["raw"])
    # Another runtime may round the last step of a kernel the other way.
    steps = 0 if describe_runtime() == GOLDEN["runtime"] else 1
    assert np.abs(raw.astype(int) - golden).max() <= steps, AGAIN


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_input_gives_the_golden_prediction(
    name: str, door: str, classifier: Classifier, pictures: Path
) -> None:
    with DOORS[door](pictures / name) as picture:
        prediction = classifier.predict(picture)
    assert prediction.digit == GOLDEN["answers"][name]["digit"]
    assert prediction == classifier.predict(pictures / name)


@pytest.mark.parametrize("name", NAMES)
def test_standard_input_gives_what_the_file_gives(
    name: str,
    classifier: Classifier,
    pictures: Path,
    start: Callable[..., CompletedProcess[bytes]],
) -> None:
    ran = start("predict", "-", "--format", "jsonl", stdin=(pictures / name).read_bytes())
    assert ran.returncode == 0
    answer = json.loads(ran.stdout)
    prediction = classifier.predict(pictures / name)
    assert answer["path"] == "-"
    assert answer["digit"] == prediction.digit
    assert answer["probabilities"] == [round(p, 6) for p in prediction.probabilities]


def test_a_picture_can_be_in_any_folder(
    classifier: Classifier, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    assert classifier.predict("pen-four.png") == classifier.predict(pictures / "pen-four.png")
