"""Reports of what a fine-tuned model gained: one with chosen figures, and one of few pictures."""

from __future__ import annotations

from unittest import mock

from mnist_edge.commands.app import main
from mnist_edge.evaluation.report import gain
from mnist_edge.evaluation.report.gain import ChangedAnswer, GainLimits, GainReport, SetGain
from mnist_edge.evaluation.report.results import ImageProblem
from mnist_edge.metrics.intervals import Interval


def gain_report() -> GainReport:
    """Return a report of a model that became better; its pictures have names of every kind."""
    sets = (
        SetGain(
            name="your pictures",
            pictures=40,
            before=0.8,
            after=0.975,
            gain_points=17.5,
            gain_interval=Interval(6.1, 32.0),
        ),
        SetGain(
            name="MNIST test",
            pictures=10_000,
            before=0.9967,
            after=0.9966,
            gain_points=-0.01,
            gain_interval=Interval(-0.08, 0.05),
        ),
    )
    return GainReport(
        model="edge-taught/int8",
        old_model="edge/int8",
        lineage="from 'edge' (weights ea25d239e260), taught 120 pictures",
        sets=sets,
        learned=120,
        changed=(
            ChangedAnswer(path="own/<7>|a.png", label="7", before="1", after="7"),
            ChangedAnswer(path="own/blot.png", label="x", before="4", after="-"),
        ),
        unreadable=(ImageProblem(path="own/torn.png", reason="is not an image"),),
        left_out=("no digit: matplotlib is not installed",),
        gates=GainLimits(min_gain=0, max_loss_mnist=0.2).check(sets),
    )


def compare_on_few_pictures() -> None:
    """Run the program, as its entry point does, with a tenth of the pictures that take longest."""
    with mock.patch.multiple(gain, _NO_DIGITS=60, _HARD_PER_KIND=2):
        main()
