from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_edge.errors import CheckpointMismatch
from mnist_edge.training import recipes, trainer
from tests.support.recorder import Recorder, Train


def test_resuming_with_other_settings_is_refused(train: Train, tmp_path: Path) -> None:
    recipe = recipes.softmax_l2().with_epochs(2, 3_000)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path, listener=Recorder(stop_after_rounds=1))
    with pytest.raises(CheckpointMismatch, match="other settings"):
        train(replace(recipe, learning_rate=0.5), tmp_path, resume=True)


def test_a_damaged_checkpoint_is_an_error_that_says_what_to_do(
    train: Train, tmp_path: Path
) -> None:
    recipe = recipes.softmax_l2().with_epochs(2, 3_000)
    (tmp_path / trainer.CHECKPOINT_FILE).write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(CheckpointMismatch, match="without --resume"):
        train(recipe, tmp_path, resume=True)
