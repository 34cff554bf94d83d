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


def under_jax(what: str, folder: Path) -> None:
    """Trains in a process whose Keras computes with JAX."""
    subprocess.run(
        [sys.executable, "-m", "tests.support.accelerated", what, str(folder)],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            # A run that is resumed compiles what it compiled before: a third of the time.
            "JAX_COMPILATION_CACHE_DIR": str(folder.parent / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        },
        check=True,
    )


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
    tmp_path: Path, exact_run: Path
) -> None:
    under_jax("exact", tmp_path / "jax")
    for part in ("teachers/1", "."):
        for a, b in zip(weights(tmp_path / "jax" / part), weights(exact_run / part), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
        jax, tensorflow = (
            training_record.read_training_record(path / part)
            for path in (tmp_path / "jax", exact_run)
        )
        assert jax.versions["keras backend"] == "jax"
        assert jax.settings == tensorflow.settings
        np.testing.assert_allclose(jax.losses, tensorflow.losses, rtol=1e-3)
        for mine, other in zip(jax.rounds, tensorflow.rounds, strict=True):
            del mine["seconds"], other["seconds"]
            assert mine == pytest.approx(other, rel=1e-3)


def test_with_bfloat16_weights_stay_float32_and_nearly_the_same(
    tmp_path: Path, exact_run: Path
) -> None:
    under_jax("bfloat16", tmp_path / "jax")
    for a, b in zip(weights(tmp_path / "jax"), weights(exact_run), strict=True):
        assert a.dtype == np.float32
        # Eight bits of precision in each step of Adam.
        assert np.abs(a - b).mean() < 0.1 * max(np.abs(b).mean(), 0.01)
    jax, tensorflow = (
        training_record.read_training_record(path) for path in (tmp_path / "jax", exact_run)
    )
    assert jax.validation_accuracy == pytest.approx(tensorflow.validation_accuracy, abs=0.05)
    assert jax.settings["compute_dtype"] == "bfloat16"


def test_with_randomness_both_ways_of_training_learn_equally_well(tmp_path: Path) -> None:
    under_jax("chance", tmp_path / "jax")
    folder = tmp_path / "tensorflow"
    digits = accelerated.few_digits()
    trainer.train(accelerated.chance(), digits, folder, resume=False, listener=Recorder())
    jax, tensorflow = (
        training_record.read_training_record(tmp_path / way) for way in ("jax", "tensorflow")
    )
    # Four hundred digits of each: a standard deviation of the difference is 0.03.
    assert 0.6 < jax.validation_accuracy < 0.99
    assert jax.validation_accuracy == pytest.approx(tensorflow.validation_accuracy, abs=0.09)
    assert jax.rounds[-1]["cross_entropy"] == pytest.approx(
        tensorflow.rounds[-1]["cross_entropy"], rel=0.15
    )
    assert [entry["step"] for entry in jax.rounds] == [entry["step"] for entry in tensorflow.rounds]


def test_a_resumed_run_ends_with_the_weights_of_one_never_interrupted(tmp_path: Path) -> None:
    under_jax("interrupted", tmp_path)
    for a, b in zip(weights(tmp_path / "whole"), weights(tmp_path / "parts"), strict=True):
        np.testing.assert_array_equal(a, b)
