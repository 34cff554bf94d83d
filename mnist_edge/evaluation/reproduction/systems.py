"""The systems that the articles describe, with the accuracies that they report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_edge.data.mnist import ChooseValidation, first_indices, validation_indices
from mnist_edge.errors import UnknownName


@dataclass(frozen=True, kw_only=True)
class System:
    """One system of an article."""

    recipe: str
    """Name of the recipe that reproduces it."""
    description: str
    """The system, and the mistake that it repeats."""
    article: str
    """The accuracy that the article reports, in its words; empty if none."""
    figure: float | None = None
    """The reported test accuracy in percent, if any."""
    choose_validation: ChooseValidation = validation_indices
    """Chooses the validation digits: ours, or the article's if it reports accuracies on them."""
    validation_figures: tuple[tuple[int, float], ...] = ()
    """The reported validation accuracies as (step, percent), if any."""


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
"""Every row of the table, in order."""


def find_systems(names: Sequence[str]) -> list[System]:
    """Return the systems of the named recipes, or all if no name is given.

    Raises:
        UnknownName: a name is not a row of the table.
    """
    known = {system.recipe: system for system in SYSTEMS}
    for name in names:
        if name not in known:
            raise UnknownName("row", name, known)
    return [system for system in SYSTEMS if not names or system.recipe in names]
