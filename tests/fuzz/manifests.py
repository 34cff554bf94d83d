"""Manifests, damaged field by field, beside the model that they were written for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.deployment import install
from mnist_edge.errors import MnistEdgeError
from mnist_edge.modelstore.loading import load_model
from mnist_edge.system.paths import STORE_VARIABLE
from tests.fuzz.children import forked_children, run_program
from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target, own_error
from tests.support.paths import NANO


@cache
def _manifest() -> bytes:
    return (NANO / "int8.json").read_bytes()


@cache
def _model() -> bytes:
    return (NANO / "int8.tflite").read_bytes()


def _draw(random: Random) -> bytes:
    if random.random() < 0.2:
        return mutate(random, _manifest())
    return mutate_json(random, json.loads(_manifest()))


def _check(content: bytes, folder: Path) -> str:
    os.environ[STORE_VARIABLE] = str(folder / "store")
    (folder / "store").mkdir()
    path = folder / "int8.tflite"
    path.write_bytes(_model())
    path.with_suffix(".json").write_bytes(content)
    with forked_children():
        run_program("info", str(path))
        run_program("info", str(path), "--format", "json")
        try:
            load_model(path)
        except MnistEdgeError as error:
            outcome = own_error(error)
        else:
            outcome = "read"
        try:
            installed = install.install(str(path))
        except MnistEdgeError as error:
            # What install refuses, predict may still take: it tests less.
            return own_error(error)
        assert outcome == "read", f"installed, although it is {outcome}"
        # What was installed is in use, and everything works with it.
        digits = load_builtin_digits()
        predictions = Classifier().predict_pixels(digits.images)
        install.verify_model(installed.name)
        run_program("model", "list")
        run_program("info", installed.name)
    for prediction in predictions:
        json.dumps(prediction.to_dict(), allow_nan=False)
    right = [
        max(range(10), key=prediction.probabilities.__getitem__) == label
        for prediction, label in zip(predictions, digits.labels, strict=True)
    ]
    assert np.mean(right) > 0.9, f"it reads {sum(right)} of {len(right)} digits"
    return "read"


def _with(**changes: Any) -> Callable[[], bytes]:
    return lambda: json.dumps({**json.loads(_manifest()), **changes}).encode()


def _with_output(**changes: Any) -> Callable[[], bytes]:
    return _with(output={**json.loads(_manifest())["output"], **changes})


def _refused(content: Callable[[], bytes]) -> KnownCase:
    return KnownCase(content=content, expected=("InvalidManifest",))


TARGET = Target(
    name="manifests",
    draw=_draw,
    check=_check,
    count=150,
    known={
        "temperature 1e308": _refused(_with(temperature=1e308)),
        "temperature 5e-324": _refused(_with(temperature=5e-324)),
        "temperature beyond all": _refused(_with(temperature=10**400)),
        "temperature NaN": _refused(_with(temperature=float("nan"))),
        "labels reversed": _refused(_with(labels=list("9876543210"))),
        "black on white": _refused(
            _with(pixels={"polarity": "black-on-white", "minimum": 0, "maximum": 255})
        ),
        "size 0": _refused(_with(size=0)),
        "type of five thousand letters": _refused(_with_output(dtype=f"int{'x' * 5000}")),
        "shape of thousands": _refused(_with_output(shape=[1] * 5000)),
        "not UTF-8": _refused(lambda: _manifest()[:100] + b"\xff" + _manifest()[101:]),
        "not JSON": _refused(lambda: b"["),
        "nested without an end": _refused(lambda: b"[" * 200_000),
        "empty": _refused(lambda: b""),
    },
    megabytes=150,
)
