"""Helpers of the tests of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mnist_edge.training import trainer, training_record

Train = Callable[..., training_record.TrainingRecord]


@dataclass
class Recorder:
    """A listener that records events and can interrupt a run as a user does."""

    stop_after_rounds: int | None = None
    plans: list[list[trainer.Estimate]] = field(default_factory=list)
    networks: list[tuple[int, int]] = field(default_factory=list)
    starts: list[tuple[str, int, int]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    rounds: list[dict[str, float]] = field(default_factory=list)

    def on_plan(self, plan: Sequence[trainer.Estimate]) -> None:
        self.plans.append(list(plan))

    def on_network(self, number: int, networks: int) -> None:
        self.networks.append((number, networks))

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        self.starts.append((summary, step, total_steps))

    def on_step(self, step: int) -> None:
        self.steps.append(step)

    def on_round(self, record: dict[str, float]) -> None:
        self.rounds.append(record)
        if len(self.rounds) == self.stop_after_rounds:
            raise KeyboardInterrupt


def weights(folder: Path) -> list[NDArray[Any]]:
    """Return the weights in a run's model file."""
    from mnist_edge.training.frameworks import import_keras

    model = import_keras().models.load_model(folder / training_record.MODEL_FILE, compile=False)
    return list(model.get_weights())
