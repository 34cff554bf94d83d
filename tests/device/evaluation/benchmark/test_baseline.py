from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.benchmark import baseline
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.interpreter import Interpreter, dequantize
from mnist_edge.runtimes.selection import using_runtime
from tests.support.programs import Run


def test_the_baseline_script_answers_as_predict_does(nano: Path, tmp_path: Path, run: Run) -> None:
    digits, path = load_builtin_digits(), tmp_path / "digit.png"
    Image.fromarray(255 - digits.images[70]).save(path)
    command = baseline.script_argv(nano / "int8.tflite", path)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == str(digits.labels[70])
    assert run("predict", "--model", nano, path).stdout.startswith(f"{path}: {said} ")


def test_the_baseline_loop_gives_the_same_logits(nano: Path) -> None:
    model = loading.load_model(nano)
    digits = load_builtin_digits().images
    interpreter, call = Interpreter(model.content), baseline.bare_call(model.content)
    outputs = np.concatenate([call(one) for one in baseline.as_input(digits, interpreter.input)])
    assert np.array_equal(dequantize(outputs, interpreter.output), interpreter.logits(digits))


def test_numpy_has_no_baseline(nano: Path) -> None:
    with using_runtime("numpy"), pytest.raises(InvalidValue, match="leave out --baseline"):
        baseline.bare_call(loading.load_model(nano).content)
