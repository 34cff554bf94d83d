"""Third-party models, without a manifest that states their pixel scaling."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import UnsuitableModel, did_you_mean
from mnist_edge.metrics.confidence import softmax
from mnist_edge.modelstore import loading
from mnist_edge.runtimes import unverified
from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS
from mnist_edge.runtimes.sandbox import open_model
from tests.support.paths import TINY
from tests.support.programs import Run

WEIGHTS = np.load(TINY / "regression.npy").astype(np.float64)
FOUND = {
    "float32": "pixels/255",
    "uint8": "pixels/255",
    "int8": "pixels/127.5-1",
    "rgb": "inverted/255",
    "batch": "pixels-standardized",
    "transposed": "pixels/255-transposed",
}
"""The pixel scaling of each regression."""
FLOATS = ("float32", "batch")
INTEGER_SLACK = 0.05
"""Allowed difference in probability for int8 weights and output."""


def regression(name: str) -> Path:
    return TINY / f"regression-{name}.tflite"


@cache
def classifier(name: str) -> Classifier:
    return Classifier(regression(name))


def answers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the logits of the regression with numpy, for pixels divided by 255."""
    halved = values.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    return np.asarray(halved @ WEIGHTS[:-1] + WEIGHTS[-1])


@pytest.mark.parametrize("name", FOUND)
def test_the_scaling_of_an_unverified_model_is_found_and_warned_of(name: str) -> None:
    warning = classifier(name).warning
    assert warning is not None
    start = f"{regression(name)} has no manifest to verify it: {FOUND[name]} (log-loss 0."
    assert warning.startswith(start)
    assert warning.endswith(f": taking {FOUND[name]}; override with --pixels")
    assert "\n" not in warning


@pytest.mark.parametrize("name", FOUND)
def test_probabilities_of_an_unverified_model_have_one_softmax(
    name: str, test_digits: Digits
) -> None:
    digits = test_digits.take(np.arange(500))
    own = softmax(answers(digits.images / 255))
    predictions = classifier(name).predict_pixels(digits.images)
    found = np.array([prediction.probabilities for prediction in predictions])
    assert found.sum(axis=1) == pytest.approx(1)
    assert np.abs(found - own).max() < (1e-5 if name in FLOATS else INTEGER_SLACK)
    right = [(one.argmax(axis=1) == digits.labels).sum() for one in (found, own)]
    # Of 500; more than 8 in 10 is what tells the right reading from a wrong one.
    assert abs(right[0] - right[1]) <= (0 if name in FLOATS else 5)
    assert right[1] > 400


@pytest.mark.parametrize(
    ("name", "kind"),
    [("float32", "text"), ("uint8", "json"), ("int8", "text"), ("rgb", "text"), ("batch", "json")],
)
def test_predict_warns_of_an_unverified_model_on_stderr(
    name: str, kind: str, pictures: Path, run: Run
) -> None:
    path = pictures / "mnist-seven.png"
    ran = run("predict", path, "--model", regression(name), "--format", kind)
    assert ran.returncode == 0
    assert ran.stderr == f"warning: {classifier(name).warning}\n"
    if kind == "text":
        assert ran.stdout.startswith(f"{path}: 7 (")
        assert ran.stdout.count("\n") == 1
    else:
        (answer,) = json.loads(ran.stdout)
        assert answer["digit"] == 7


@pytest.mark.parametrize("name", ["uint8", "batch"])
def test_info_lists_every_scaling_best_first(name: str, run: Run) -> None:
    document = json.loads(run("info", regression(name), "--format", "json").stdout)
    assert document["manifest"] is None
    readings = document["readings"]
    assert readings[0]["pixels"] == FOUND[name]
    assert readings[0]["accuracy"] > 0.8
    text = run("info", regression(name))
    assert (text.returncode, text.stderr) == (0, "")
    assert f"no manifest: {regression(name).name} cannot be verified" in text.stdout
    _, _, table = text.stdout.partition("pixel scaling (--pixels)")
    shown = [line.split() for line in table.splitlines()[1:]]
    assert [row[0] for row in shown] == [one["pixels"] for one in readings]
    assert [float(row[1]) for row in shown] == pytest.approx(
        [one["log_loss"] for one in readings], abs=1e-3
    )


def test_a_given_scaling_is_not_checked(
    pictures: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, test_digits: Digits
) -> None:
    # There are no digits to try it on.
    monkeypatch.setenv("MNIST_EDGE_DATA", str(tmp_path / "nowhere"))
    told = "pixels/255-0.5"
    words = ("--model", regression("float32"), "--pixels", told, "--format", "json")
    ran = run("predict", pictures / "mnist-seven.png", *words)
    assert ran.stderr == (
        f"warning: {regression('float32')} has no manifest to verify it: taking {told} as "
        "requested\n"
    )
    (answer,) = json.loads(ran.stdout)
    own = softmax(answers(test_digits.images[:1] / 255 - 0.5))[0]
    assert answer["probabilities"] == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("name", ["pixels/256", "PIXELS", ""])
def test_an_unknown_scaling_is_a_usage_error(name: str, pictures: Path, run: Run) -> None:
    ran = run("predict", pictures, "--model", regression("float32"), "--pixels", name)
    assert (ran.returncode, ran.stdout) == (2, "")
    hint = did_you_mean(name, INPUT_SCALINGS)
    known = ", ".join(INPUT_SCALINGS)
    assert ran.stderr == (
        f"mnist-edge: unknown pixel scaling {name!r}{hint}: choose one of {known}\n"
    )


def test_a_scaling_is_refused_for_a_model_with_a_manifest(
    pictures: Path, nano: Path, run: Run
) -> None:
    for model in ("nano", nano / "float32.tflite"):
        ran = run("predict", pictures, "--model", model, "--pixels", "pixels")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "has a manifest, which says that it takes raw pixels" in ran.stderr
        assert ran.stderr.count("\n") == 1
    assert Classifier().warning is None


@pytest.mark.parametrize("name", FOUND)
def test_the_built_in_digits_are_used_without_mnist(
    name: str, pictures: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {
        "XDG_CACHE_HOME": str(tmp_path),
        "MNIST_EDGE_DATA": "",
        # A fetch, were it tried, would fail the command.
        "https_proxy": "http://127.0.0.1:9",
        "PATH": "",
    }.items():
        monkeypatch.setenv(variable, value)
    words = ("--model", regression(name), "--format", "json")
    ran = run("predict", pictures / "mnist-seven.png", *words)
    assert ran.returncode == 0
    assert ran.stderr.endswith(f": taking {FOUND[name]}; override with --pixels\n")
    info = run("info", regression(name), "--format", "json")
    assert (info.returncode, info.stderr) == (0, "")
    assert json.loads(info.stdout)["readings"][0]["pixels"] == FOUND[name]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", [True, False], ids=["named", "in the cache"])
def test_damaged_mnist_files_are_an_error(
    named: bool, pictures: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "mnist-edge"
    folder.mkdir()
    for part in ("train", "t10k"):
        for end in ("images-idx3", "labels-idx1"):
            (folder / f"{part}-{end}-ubyte").write_bytes(b"\0\0\x08")
    monkeypatch.setenv("MNIST_EDGE_DATA", str(folder) if named else "")
    for words in (["predict", pictures, "--model"], ["info"]):
        ran = run(*words, regression("float32"))
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(f"mnist-edge: {folder}")
        assert "is truncated" in ran.stderr
        assert ran.stderr.count("\n") == 1


def test_a_digits_logits_do_not_depend_on_its_place_in_a_batch(test_digits: Digits) -> None:
    model = open_model(loading.load_model(regression("batch")))
    assert model.input.shape[0] == 8
    digits = test_digits.images[:9]
    alone = np.concatenate([model.logits(digit[np.newaxis]) for digit in digits])
    for count in (1, 7, 8, 9):
        assert np.array_equal(model.logits(digits[:count]), alone[:count])
    assert np.array_equal(model.logits(digits[::-1]), alone[::-1])
    assert model.logits(digits[:0]).shape == (0, 10)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("edgetpu", "is compiled for the Edge TPU"),
        ("custom", "needs Mystery-Op:v2, which no TFLite runtime has"),
        ("flex", "needs TensorFlow's own Erfinv, which no TFLite runtime has"),
        ("stateless", "reads a variable that has no value, so its weights are not in the file"),
    ],
)
def test_an_unsupported_operator_is_named(name: str, said: str, pictures: Path, run: Run) -> None:
    path = TINY / f"{name}.tflite"
    for words in (["predict", pictures, "--model"], ["info"]):
        ran = run(*words, path)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(f"mnist-edge: {path}: the model {said}")
        assert "damaged" not in ran.stderr
        assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        # It answers 0 to everything, which says nothing about its scaling.
        ("zero", ["pixels 2.30 (", "inverted 2.30 ("]),
        ("quadrants-float32", [f"{reading} " for reading in INPUT_SCALINGS]),
    ],
)
def test_a_model_that_reads_no_digits_lists_every_scaling_tried(
    name: str, tried: list[str], tiny: Path
) -> None:
    with pytest.raises(UnsuitableModel, match=rf"{name}\.tflite reads digits with no") as refused:
        Classifier(tiny / f"{name}.tflite")
    _, _, table = str(refused.value).partition("log-loss and accuracy: ")
    assert all(one in table for one in tried)
    assert table.endswith("name the scaling with --pixels")
    assert "\n" not in table


def test_of_several_signatures_the_one_that_reads_digits_is_used_and_named(
    pictures: Path, run: Run
) -> None:
    path = TINY / "signatures.tflite"
    ran = run("predict", pictures / "mnist-seven.png", "--model", path, "--format", "json")
    assert ran.returncode == 0
    assert ran.stderr.endswith("; it reads digits by its signature 'infer'\n")
    (answer,) = json.loads(ran.stdout)
    alone = classifier("float32").predict(pictures / "mnist-seven.png")
    assert answer["probabilities"] == pytest.approx(alone.probabilities, abs=1e-4)
    info = run("info", path)
    assert "reads digits by its signature 'infer'" in info.stdout
    assert json.loads(run("info", path, "--format", "json").stdout)["signature"] == "infer"


def test_transposed_digits_can_be_named(pictures: Path) -> None:
    told = Classifier(regression("transposed"), pixels="pixels/255-transposed")
    found = classifier("transposed").predict(pictures / "mnist-seven.png")
    assert found.digit == 7
    assert told.predict(pictures / "mnist-seven.png") == found


def test_scalings_that_differ_only_by_temperature_are_reported() -> None:
    model = loading.load_model(regression("batch"))
    ranking = unverified.rank_supported_scalings(open_model(model))
    assert ranking.rival_warning() == ""
    best = replace(ranking.best, log_loss=0.5, temperature=0.1)
    rival = replace(ranking.runner_up, log_loss=0.6, temperature=20.0)
    doubted = replace(ranking, ranked=(best, rival))
    assert doubted.rival_warning().startswith(
        f"{best.scaling.name} and {rival.scaling.name} differ by temperature alone"
    )
    assert not replace(ranking, ranked=(best, replace(rival, log_loss=0.8))).rival_warning()
    calibrated = replace(best, temperature=1.0)
    assert not replace(ranking, ranked=(calibrated, rival)).rival_warning()
