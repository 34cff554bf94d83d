from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.training import recipes
from mnist_edge.training.recipes import find_recipe


def test_a_recipe_checks_itself() -> None:
    recipe = recipes.quick()
    for change in (
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"batch_size": 0},
        {"epochs": 0},
        {"epochs": None},
        {"steps": 10},
        {"validate_every": 5},
        {"seed": -1},
    ):
        with pytest.raises(InvalidValue):
            replace(recipe, **change)
    with pytest.raises(InvalidValue):
        recipes.mlp_ema().with_epochs(0, 55_000)
    teaching = recipes.Distillation(teachers=(recipe,), alpha=0.5, temperature=2.0)
    for wrong in (
        {"teachers": ()},
        {"teachers": (replace(recipe, distillation=teaching),)},
        {"alpha": 0.0},
        {"alpha": 1.1},
        {"temperature": 0.0},
        {"temperature": float("nan")},
    ):
        with pytest.raises(InvalidValue):
            replace(teaching, **wrong)
    refined = recipes.edge_refined()
    assert refined.refinement
    for name in ("alpha", "temperature", "share"):
        none: dict[str, Any] = {name: 0.0}
        with pytest.raises(InvalidValue):
            replace(refined.refinement, **none)
    with pytest.raises(InvalidValue, match="taught by its parent alone"):
        replace(refined, distillation=teaching)
    assert refined.with_epochs(2, 55_000).teachers == (recipes.edge(),)
    shorter = recipes.edge().with_epochs(2, 55_000)
    assert shorter.distillation
    assert [teacher.epochs for teacher in shorter.distillation.teachers] == [2, 2, 2]
    with pytest.raises(UnknownName, match="choose one of edge"):
        find_recipe("resnet")
