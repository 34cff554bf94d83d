from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge.commands import run as run_module
from mnist_edge.data.mnist import Mnist
from mnist_edge.training import trainer, training_record
from mnist_edge.training.recipes import find_recipe
from tests.support.programs import Run, exit_status
from tests.support.recorder import Recorder
from tests.support.waiting import eventually


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_result(
    tmp_path: Path, mnist: Mnist, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
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
    eventually(checkpoint.exists)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert checkpoint.exists(), "the run was to be killed between two rounds"

    monkeypatch.chdir(tmp_path)
    run_stage = run_module._stage  # noqa: SLF001

    def run_without_corruptions(*words: str) -> None:
        # Of a report they take four fifths of the time.
        run_stage(*words, *(("--corrupted", "0") if words[0] == "report" else ()))

    monkeypatch.setattr(run_module, "_stage", run_without_corruptions)
    assert exit_status("run", "--recipe", "softmax-1k") == 0
    again = capfd.readouterr()
    assert "resuming at step" in again.err
    assert again.out.splitlines()[-1].endswith("%)")
    recipe = find_recipe("softmax-1k")
    trainer.train(recipe, mnist, tmp_path / "whole", resume=False, listener=Recorder())
    parts, uninterrupted = (
        training_record.read_training_record(path).losses for path in (folder, tmp_path / "whole")
    )
    assert parts == uninterrupted

    stages: list[str] = []
    monkeypatch.setattr(run_module, "_stage", lambda *words: stages.append(words[0]))
    assert exit_status("run", "--recipe", "softmax-1k") == 0
    assert "holds a finished training" in capfd.readouterr().err
    assert stages == ["convert", "report", "predict"]


def test_without_tensorflow_a_run_says_so_before_it_fetches(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_edge.training.frameworks.find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ran = run("run", "--data", "absent.npz")
    assert ran.returncode == 1
    assert ran.stderr.startswith("mnist-edge: training and converting need TensorFlow")
    assert [*tmp_path.iterdir()] == []
