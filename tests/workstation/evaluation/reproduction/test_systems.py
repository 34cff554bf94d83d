from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_edge.errors import UnknownName
from mnist_edge.evaluation.reproduction import systems
from mnist_edge.training.recipes import RECIPES, find_recipe


def test_systems_and_article_recipes_correspond() -> None:
    rows = [system.recipe for system in systems.SYSTEMS]
    own = ("edge", "nano", "micro", "quick", "wide")
    assert sorted(rows) == sorted(name for name in RECIPES if not name.startswith(own))
    assert all(find_recipe(name).name == name for name in rows)
    assert [s.recipe for s in systems.find_systems(["cnn", "softmax-1k"])] == ["softmax-1k", "cnn"]
    with pytest.raises(UnknownName):
        systems.find_systems(["nano"])


def test_the_committed_reproduction_is_within_half_a_point_of_each_article(nano: Path) -> None:
    document = json.loads((nano.parent / "reproduction.json").read_text())
    rows = {row["system"]["recipe"]: row for row in document["rows"]}
    assert list(rows) == [system.recipe for system in systems.SYSTEMS]
    for system in systems.SYSTEMS:
        row = rows[system.recipe]
        if system.figure is not None and not system.recipe.endswith("unscaled"):
            assert row["test_float"] >= system.figure - 0.5
        reached = dict(map(tuple, row["validations"]))
        for step, figure in system.validation_figures:
            assert reached[step] >= figure - 0.5
        assert row["test_int8"] >= row["test_float"] - 0.5
