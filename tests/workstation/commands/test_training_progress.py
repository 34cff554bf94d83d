from __future__ import annotations

import pytest

from mnist_edge.commands.training_progress import FineTuningProgress, TrainingProgress
from mnist_edge.training.trainer import Estimate


def test_a_networks_summary_is_shown_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress() as progress:
        progress.on_start("one layer\nanother layer", 0, 10)
    shown = capsys.readouterr().err
    assert shown.startswith("one layer\nanother layer\n")


def test_a_plan_says_how_long_each_network_takes_and_all_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hour = 3600.0
    with TrainingProgress() as progress:
        progress.on_plan(
            [
                Estimate(name="wide", seed=1, seconds=30 * hour),
                Estimate(name="edge", seed=2, seconds=90.0),
            ]
        )
    assert capsys.readouterr().err.splitlines() == [
        "wide, seed 1: about 30 h",
        "edge, seed 2: about 2 min",
        "in all about 30 h",
    ]


def test_a_round_of_fine_tuning_shows_the_users_pictures_beside_mnist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = {"step": 40.0, "accuracy": 0.9, "val_accuracy": 0.9968}
    with FineTuningProgress() as progress:
        progress.on_round(record)
        progress.on_round({**record, "watched_accuracy": 0.5})
    first, second = capsys.readouterr().err.splitlines()
    assert first == "step    40  your pictures 90.00 %  MNIST validation 99.68 %"
    assert second == (
        "step    40  your pictures 90.00 %, those watched 50.00 %  MNIST validation 99.68 %"
    )
