"""The model of a server, and its exchange."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.deployment.server.model_service import ModelService
from mnist_edge.errors import ModelError, ModelRejected, PictureError
from mnist_edge.inference.classifier import Prediction
from tests.support.paths import NANO, ROOT
from tests.support.unclear_pictures import card_on_a_table

SAMPLE = (ROOT / "mnist_edge/samples/digit.png").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(NANO, tmp_path / "model"))


def test_pictures_are_read_each_by_itself() -> None:
    service = ModelService("nano")
    pictures = [("a", SAMPLE), ("b", b"no picture"), ("c", SAMPLE)]
    one, two, three = (service.read(each, read_all=False, explain=False) for each in pictures)
    assert one.outcome == three.outcome == Classifier("nano").predict(SAMPLE)
    assert isinstance(two.outcome, PictureError)
    assert one.pixels is not None
    assert two.pixels is None


def test_a_drawing_changes_no_answer() -> None:
    service = ModelService("nano")
    for read_all in (False, True):
        plain = service.read(("a", SAMPLE), read_all=read_all, explain=False)
        drawn = service.read(("a", SAMPLE), read_all=read_all, explain=True)
        assert drawn.outcome == plain.outcome
        assert (drawn.explanation or b"").startswith(b"\x89PNG")


@pytest.mark.parametrize("explain", [False, True])
def test_the_pixels_are_those_of_the_reading_that_was_found_right(*, explain: bool) -> None:
    stream = io.BytesIO()
    Image.fromarray(card_on_a_table(0)).save(stream, "PNG")
    service = ModelService()
    read = service.read(("card", stream.getvalue()), read_all=False, explain=explain)
    assert read.pixels is not None
    (by_pixels,) = service.classifier.predict_pixels(read.pixels[np.newaxis])
    assert by_pixels.digit is not None
    assert by_pixels == read.outcome == service.classifier.predict(stream.getvalue())


def test_replaced_files_are_noticed_and_loaded(folder: Path) -> None:
    service = ModelService(folder)
    assert not service.has_changed()
    for name in ("int8.tflite", "int8.json"):
        shutil.copy(NANO.parent / "edge" / name, folder / name)
    assert service.has_changed()
    assert service.reload()
    assert service.model.sha256 == ModelService("edge").model.sha256
    assert not service.has_changed()


def test_a_model_that_cannot_be_used_does_not_replace_the_one_that_can(folder: Path) -> None:
    service = ModelService(folder)
    before = service.model.sha256
    (folder / "int8.tflite").write_bytes(b"damaged")
    assert not service.reload()
    assert service.problem is not None
    assert service.model.sha256 == before
    # It is not tried again every second.
    assert not service.has_changed()
    read = service.read(("a", SAMPLE), read_all=False, explain=False)
    assert isinstance(read.outcome, Prediction)
    assert read.outcome.digit == 7
    shutil.copy(NANO / "int8.tflite", folder / "int8.tflite")
    assert service.has_changed()
    assert service.reload()
    assert service.problem is None


def test_only_a_model_that_answers_its_golden_vectors_is_served(folder: Path) -> None:
    manifest = folder / "int8.json"
    document = json.loads(manifest.read_text())
    other = json.loads((NANO.parent / "edge/int8.json").read_text())
    document["golden"] = other["golden"]
    manifest.write_text(json.dumps(document))
    with pytest.raises(ModelRejected, match="differs from its golden vectors"):
        ModelService(folder)


def test_there_must_be_a_model_at_the_start() -> None:
    with pytest.raises(ModelError):
        ModelService("no-such-model")
