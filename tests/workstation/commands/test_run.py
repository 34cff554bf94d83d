from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training import trainer, training_record
from mnist_edge.training.recipes import find_recipe
from tests.support.programs import mnist_edge
from tests.support.recorder import Recorder


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_result(tmp_path: Path, mnist: Mnist) -> None:
    words = [sys.executable, "-m", "mnist_edge", "run", "--recipe", "softmax-1k"]
    folder = tmp_path / "runs" / "softmax-1k"
    checkpoint = folder / trainer.CHECKPOINT_FILE
    started = subprocess.Popen(
        words,
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert checkpoint.exists(), "the run was to be killed between two rounds"

    again = mnist_edge("run", "--recipe", "softmax-1k", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "resuming at step" in again.stderr
    assert again.stdout.splitlines()[-1].endswith("%)")
    recipe = find_recipe("softmax-1k")
    trainer.train(recipe, mnist, tmp_path / "whole", resume=False, listener=Recorder())
    parts, uninterrupted = (
        training_record.read_training_record(path).losses for path in (folder, tmp_path / "whole")
    )
    assert parts == uninterrupted

    kept = mnist_edge("run", "--recipe", "softmax-1k", folder=tmp_path)
    assert "holds a finished training" in kept.stderr
