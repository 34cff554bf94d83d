from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.training import trainer, training_record
from tests.support import accelerated
from tests.support.paths import ROOT
from tests.support.recorder import Recorder, weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed: the jax extra"),
]


@pytest.fixture(scope="module")
def under_jax(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what a process trains whose Keras computes with JAX."""
    folder = tmp_path_factory.mktemp("jax")
    subprocess.run(
        [sys.executable, "-m", "tests.support.accelerated", str(folder)],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            # A network that is trained again is not compiled again: a third of the time.
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        },
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def exact_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what TensorFlow trains where nothing is random."""
    folder = tmp_path_factory.mktemp("tensorflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnist_edge.training.training_run.STATISTICS_SIZE", accelerated.TRAINED)
        digits = accelerated.few_digits()
        trainer.train(accelerated.exact(), digits, folder, resume=False, listener=Recorder())
    return folder


def test_without_randomness_both_ways_of_training_give_the_same_weights(
    under_jax: Path, exact_run: Path
) -> None:
    for part in ("teachers/1", "."):
        folders = (under_jax / "exact" / part, exact_run / part)
        for a, b in zip(*map(weights, folders), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
        jax, tensorflow = map(training_record.read_training_record, folders)
        assert jax.versions["keras backend"] == "jax"
        assert jax.settings == tensorflow.settings
        np.testing.assert_allclose(jax.losses, tensorflow.losses, rtol=1e-3)
        for mine, other in zip(jax.rounds, tensorflow.rounds, strict=True):
            del mine["seconds"], other["seconds"]
            assert mine == pytest.approx(other, rel=1e-3)


def test_with_bfloat16_weights_stay_float32_and_nearly_the_same(
    under_jax: Path, exact_run: Path
) -> None:
    own = under_jax / "bfloat16"
    for a, b in zip(weights(own), weights(exact_run), strict=True):
        assert a.dtype == np.float32
        # Eight bits of precision in each step of Adam.
        assert np.abs(a - b).mean() < 0.1 * max(np.abs(b).mean(), 0.01)
    jax, tensorflow = (training_record.read_training_record(path) for path in (own, exact_run))
    assert jax.validation_accuracy == pytest.approx(tensorflow.validation_accuracy, abs=0.05)
    assert jax.settings["compute_dtype"] == "bfloat16"


def test_with_randomness_both_ways_of_training_learn_equally_well(
    under_jax: Path, tmp_path: Path
) -> None:
    digits = accelerated.few_digits()
    trainer.train(accelerated.chance(), digits, tmp_path, resume=False, listener=Recorder())
    jax, tensorflow = (
        training_record.read_training_record(path) for path in (under_jax / "chance", tmp_path)
    )
    # Four hundred digits of each: a standard deviation of the difference is 0.03.
    assert 0.6 < jax.validation_accuracy < 0.99
    assert jax.validation_accuracy == pytest.approx(tensorflow.validation_accuracy, abs=0.09)
    assert jax.rounds[-1]["cross_entropy"] == pytest.approx(
        tensorflow.rounds[-1]["cross_entropy"], rel=0.15
    )
    assert [entry["step"] for entry in jax.rounds] == [entry["step"] for entry in tensorflow.rounds]


def test_a_resumed_run_ends_with_the_weights_of_one_never_interrupted(under_jax: Path) -> None:
    for a, b in zip(weights(under_jax / "whole"), weights(under_jax / "parts"), strict=True):
        np.testing.assert_array_equal(a, b)
