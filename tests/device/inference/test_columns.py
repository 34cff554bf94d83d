from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.errors import InvalidValue
from mnist_edge.inference import columns
from mnist_edge.inference.batch import outcome_document
from mnist_edge.inference.columns import (
    ANSWER_TYPES,
    PAGE_TYPES,
    answer_schema,
    read_columns,
    read_table,
)
from tests.support.poisoned_pictures import POISONED

ANSWERS = list(ANSWER_TYPES)
"""Names of the columns that every batch gets."""


@pytest.fixture(scope="module")
def files(pictures: Path) -> list[str]:
    """Paths of pictures, one of which is a text file."""
    found = sorted(map(str, pictures.rglob("*.png")))[:6]
    return [*found, __file__]


def test_the_answers_are_those_of_predict(files: list[str], classifier: Classifier) -> None:
    answers = read_columns({"path": files, "label": list("abcdefg")})
    assert list(answers) == ["path", "label", *ANSWERS]
    assert (answers["path"], answers["label"]) == (files, list("abcdefg"))
    for index, file in enumerate(files[:-1]):
        document = outcome_document(classifier.predict(file))
        for name in ("digit", "confidence", "abstained"):
            assert answers[name][index] == document.get(name)
    assert set(answers["error"][:-1]) == set(answers["error_type"][:-1]) == {None}
    assert answers["digit"][-1] is None
    assert answers["error_type"][-1] == "UnreadablePicture"
    assert __file__ in answers["error"][-1]


def test_bytes_and_pixels_give_what_their_files_give(files: list[str], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (28, 28), np.uint8) * 255
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    files = [*files[:-1], str(tmp_path / "noise.png")]
    expected = read_columns({"path": files})
    content = [Path(file).read_bytes() for file in files]
    assert {**read_columns({"bytes": content}), "path": files} == expected
    for one in (pixels, pixels.ravel(), pixels.tolist(), pixels.ravel().tolist()):
        answers = read_columns({"pixels": [one]})
        assert {name: answers[name][0] for name in ANSWERS} == {
            name: expected[name][-1] for name in ANSWERS
        }


def test_bytes_are_read_before_paths_which_are_passed_on(files: list[str]) -> None:
    answers = read_columns({"path": ["a", "b"], "bytes": [Path(files[0]).read_bytes(), b""]})
    assert list(answers) == ["path", *ANSWERS]
    assert answers["path"] == ["a", "b"]
    assert answers["error_type"] == [None, "UnreadablePicture"]


def as_dict(batch: dict[str, Any]) -> Any:
    return batch


def as_arrays(batch: dict[str, Any]) -> Any:
    return {name: np.array(values, object) for name, values in batch.items()}


def as_frame(batch: dict[str, Any]) -> Any:
    return pytest.importorskip("pandas").DataFrame(batch, index=range(7, 7 + len(batch["bytes"])))


def as_table(batch: dict[str, Any]) -> Any:
    return pytest.importorskip("pyarrow").table(batch)


def as_record_batch(batch: dict[str, Any]) -> Any:
    return as_table(batch).to_batches()[0]


@pytest.mark.parametrize("convert", [as_dict, as_arrays, as_frame, as_table, as_record_batch])
def test_any_engines_batch_is_taken(files: list[str], convert: Callable[[Any], Any]) -> None:
    batch = {"bytes": [Path(file).read_bytes() for file in files], "id": list(range(len(files)))}
    expected, answers = read_columns(batch), read_columns(convert(batch))
    assert {name: answers[name] for name in ANSWERS} == {name: expected[name] for name in ANSWERS}
    assert [int(str(one)) for one in answers["id"]] == batch["id"]


def test_a_frame_keeps_its_index_and_arrow_its_types(files: list[str]) -> None:
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    frame = as_frame({"bytes": [Path(file).read_bytes() for file in files], "id": files})
    assert pd.DataFrame(read_columns(frame)).index.tolist() == frame.index.tolist()
    batch = pa.table({"path": files[-1:], "id": pa.array([1], pa.int16())})
    table = read_table(batch)
    types = {field.name: str(field.type).replace("double", "float64") for field in table.schema}
    assert types == {"path": "string", "id": "int16", **ANSWER_TYPES}
    assert table.to_pydict() == read_columns(batch.to_pydict())
    assert read_table(batch.to_batches()[0]) == table


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("bytes", None, "is null"),
        ("bytes", "text", "is a str"),
        ("bytes", b"text", "not an image"),
        ("path", None, "is null"),
        ("path", 7, "is a int"),
        ("path", "absent.png", "no picture absent.png"),
        ("pixels", None, "is null"),
        ("pixels", [0.5] * 784, "float64"),
        ("pixels", [256] * 784, "0 to 255"),
        ("pixels", [-1] * 784, "0 to 255"),
        ("pixels", [[0, 1], [2]], "expected 784"),
        ("pixels", [], "expected 784"),
        ("pixels", [0] * 783, "shape"),
    ],
)
def test_a_file_that_is_not_a_picture_is_a_row_with_its_error(
    column: str, value: Any, reason: str
) -> None:
    answers = read_columns({column: [value]})
    assert answers["digit"] == answers["confidence"] == answers["abstained"] == [None]
    assert reason in answers["error"][0]


@pytest.mark.slow
def test_a_small_file_that_asks_for_much_memory_is_a_row_with_its_error(files: list[str]) -> None:
    bombs = [POISONED[name]() for name in ("16-bit RGBA", "one column")]
    answers = read_columns({"bytes": [bombs[0], Path(files[0]).read_bytes(), bombs[1]]})
    assert [kind is None for kind in answers["error_type"]] == [False, True, False]


def test_every_digit_of_a_page_is_read_with_its_box(pictures: Path) -> None:
    blank = np.full((60, 60), 255, np.uint8)
    number = Path(__file__).parents[3] / "docs/images/number.jpg"
    batch = {"bytes": [number.read_bytes(), b""]}
    answers = read_columns(batch, read_all=True)
    assert list(answers) == [*ANSWERS, *PAGE_TYPES]
    page = Classifier().predict_all(number)
    assert answers["text"] == [page.text, None]
    assert answers["boxes"] == [[list(digit.box) for digit in page.digits], None]
    assert answers["digit"] == [None, None]
    least = min(digit.prediction.confidence for digit in page.digits)
    assert answers["confidence"][0] == round(least, 6)
    pa = pytest.importorskip("pyarrow")
    table = pa.table(answers, schema=answer_schema(read_all=True))
    assert table.to_pydict() == answers
    empty = read_columns({"pixels": [blank]}, read_all=True)
    assert [empty[name] for name in ("abstained", "text", "boxes")] == [["blank"], [""], [[]]]


def test_a_minimum_confidence_and_a_model_are_the_classifiers(files: list[str], nano: Path) -> None:
    strict = read_columns({"path": files[:3]}, model=str(nano), min_confidence=1.0)
    classifier = Classifier(nano, min_confidence=1.0)
    assert strict["digit"] == [classifier.predict(file).digit for file in files[:3]]


def test_a_process_opens_the_model_once(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    def open_model(*arguments: Any, **keywords: Any) -> Classifier:
        opened.append(arguments)
        return Classifier(*arguments, **keywords)

    monkeypatch.setattr(columns, "_classifiers", {})
    monkeypatch.setattr(columns, "Classifier", open_model)
    for _ in range(3):
        read_columns({"path": files[:1]}, model="nano")
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        ({"image": []}, "'image'; expected bytes, pixels or path"),
        ({}, "none; expected"),
        ({"path": [], "digit": []}, "'digit' has the name of an answer"),
    ],
)
def test_a_batch_without_pictures_is_wrong_usage(batch: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason):
        read_columns(batch)


def test_an_empty_batch_has_all_columns() -> None:
    assert read_columns({"path": []}, read_all=True) == {
        name: [] for name in ("path", *ANSWERS, *PAGE_TYPES)
    }


def test_an_engine_can_pickle_it() -> None:
    work = pickle.loads(pickle.dumps(partial(read_columns, model="nano")))  # noqa: S301  # our own
    assert work({"path": []})["digit"] == []


def test_columns_need_neither_arrow_nor_pandas(files: list[str]) -> None:
    program = f"""
import json, sys
from mnist_edge.inference.columns import read_columns
answers = read_columns({{"path": [{files[0]!r}]}})
print(json.dumps([answers["digit"], sorted({{"pyarrow", "pandas", "ray"}} & set(sys.modules))]))
"""
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env=os.environ
    ).stdout
    digits, imported = json.loads(output)
    assert digits == read_columns({"path": files[:1]})["digit"]
    assert imported == []
