"""The progress of a training, on standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from mnist_edge.commands.console import note, progress_bar
from mnist_edge.system.text import percent

if TYPE_CHECKING:
    from mnist_edge.training.trainer import Estimate

_UNTIMED_STEPS = 10
"""First steps of a run, which include compilation and would mislead an estimate."""
_TIMED_STEPS = 50
"""Minimum number of steps that are timed for an estimate of how long the rest takes."""


class TrainingProgress(ExitStack):
    """Shows a run on standard error: the summary, a progress bar, a line per round."""

    def on_plan(self, plan: Sequence[Estimate]) -> None:
        """Print how long each network and all of them will take."""
        for estimate in plan:
            note(f"{estimate.name}, seed {estimate.seed}: about {_duration(estimate.seconds)}")
        note(f"in all about {_duration(sum(estimate.seconds for estimate in plan))}")

    def on_network(self, number: int, networks: int) -> None:
        """End the previous network's bar, and print which one comes now."""
        self.close()
        self._after = networks - number
        if networks > 1:
            which = f"teacher {number} of {networks - 1}" if self._after else "the network itself"
            note("")
            note(which)

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Print the network and begin the bar."""
        self._first, self._total = step, total_steps
        for line in summary.splitlines():
            note(line)
        if step:
            note(f"resuming at step {step:,} of {total_steps:,}")
        self._bar: Any = self.enter_context(progress_bar(total_steps, "training"))
        self._bar.update(step)
        self._round_step, self._round_ended = step, 0.0
        self._timed: tuple[int, float] | tuple[()] | None = None

    def on_step(self, step: int) -> None:
        """Move the bar; once, early, print how long the rest will take."""
        self._bar.update(step - self._bar.pos)
        now = time.monotonic()
        if self._timed is None and step >= self._first + _UNTIMED_STEPS:
            self._timed = step, now
        elif self._timed and step >= self._timed[0] + _TIMED_STEPS:
            per_step = (now - self._timed[1]) / (step - self._timed[0])
            self._timed = ()
            others = f"; networks to train after this one: {self._after}" if self._after else ""
            note(
                f"about {self._minutes_left(step, per_step)} min "
                f"for the other {self._total - step:,} steps{others}"
            )

    def on_round(self, record: dict[str, float]) -> None:
        """Print a round's result and, from the second on, how long the rest will take.

        The time of a step excludes what comes between rounds; the first round includes what comes
        once.
        """
        step, ended = int(record["step"]), time.monotonic()
        rest = ""
        if self._first < self._round_step and step < self._total:
            per_step = (ended - self._round_ended) / (step - self._round_step)
            rest = f"  {self._minutes_left(step, per_step)} min left"
        self._round_step, self._round_ended = step, ended
        note(
            f"step {step:>6,}  loss {record['loss']:.4f}  "
            f"accuracy {percent(record['accuracy'])}  "
            f"validation {percent(record['val_accuracy'])}{rest}"
        )

    def _minutes_left(self, step: int, per_step: float) -> int:
        """Estimate the minutes left, at least one, from the seconds per step."""
        return max(1, round(per_step * (self._total - step) / 60))


class FineTuningProgress(TrainingProgress):
    """Shows a fine-tuning on standard error: a progress bar, and a line per round."""

    def on_round(self, record: dict[str, float]) -> None:
        """Print a round's result."""
        watched = record.get("watched_accuracy")
        note(
            f"step {int(record['step']):>5,}  your pictures {percent(record['accuracy'])}"
            + ("" if watched is None else f", those watched {percent(watched)}")
            + f"  MNIST validation {percent(record['val_accuracy'])}"
        )


def _duration(seconds: float) -> str:
    """Format a duration in the unit that suits it: minutes, hours or days."""
    minutes = max(1, round(seconds / 60))
    if minutes < 120:
        return f"{minutes} min"
    hours = seconds / 3600
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.1f} days"
