"""What the articles describe and the figures they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_edge.data.mnist import ChooseValidation, first_indices, validation_indices
from mnist_edge.errors import UnknownName


@dataclass(frozen=True, kw_only=True)
class System:
    """One system of an article."""

    recipe: str
    """The recipe that reproduces it."""
    description: str
    """What it is, and which mistake it repeats."""
    article: str
    """The article's own figure in its own words; empty where it gives none."""
    figure: float | None = None
    """That figure as test accuracy in percent, where it is one."""
    choose_validation: ChooseValidation = validation_indices
    """The digits that it is validated on: ours, or the article's where it gives figures on them."""
    validation_figures: tuple[tuple[int, float], ...] = ()
    """That figure as (step, validation accuracy in percent), where it is one."""


SYSTEMS = (
    System(
        recipe="softmax-l2",
        description="softmax regression: logits to the loss, pixels scaled once",
        article="",
    ),
    System(
        recipe="softmax-l2-softmax-twice",
        description="softmax regression: softmax applied twice, pixels scaled once",
        article='training accuracy "very low"',
    ),
    System(
        recipe="softmax-l2-scaled-twice",
        description="softmax regression: logits to the loss, pixels scaled twice",
        article="",
    ),
    System(
        recipe="softmax-l2-both-mistakes",
        description="softmax regression: softmax applied twice, pixels scaled twice",
        article='training accuracy "very low"',
    ),
    System(
        recipe="softmax-1k",
        description="softmax regression, 1,000 steps",
        article="",
    ),
    System(recipe="cnn", description="CNN, pixels scaled", article=""),
    System(recipe="cnn-unscaled", description="CNN, raw pixels, as the article has it", article=""),
    System(
        recipe="mlp-ema",
        description="784-500-10, averaged weights; validated, as the article has it, on the first "
        "5,000 training digits",
        article="97.62 % validation at step 1,000; 98.1-98.4 % from 2,000 to 30,000",
        choose_validation=first_indices,
        validation_figures=((1_000, 97.62), (2_000, 98.1), (30_000, 98.4)),
    ),
    System(
        recipe="mlp-dropout",
        description="dense 128 with dropout, pixels scaled",
        article="97.77 % test",
        figure=97.77,
    ),
    System(
        recipe="mlp-dropout-unscaled",
        description="dense 128 with dropout, raw pixels",
        article="92.85 % test",
        figure=92.85,
    ),
)
"""Every row of the table, in its order."""


def find_systems(names: Sequence[str]) -> list[System]:
    """The systems of some recipes; all where none is named.

    Raises:
        UnknownName: a name is not a row of the table.
    """
    known = {system.recipe: system for system in SYSTEMS}
    for name in names:
        if name not in known:
            raise UnknownName("row", name, known)
    return [system for system in SYSTEMS if not names or system.recipe in names]
