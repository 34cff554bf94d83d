from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_edge.deployment import install
from mnist_edge.errors import (
    InvalidRecord,
    ModelNotFound,
)
from mnist_edge.modelstore import loading
from tests.support.installed import in_use
from tests.support.paths import SAMPLE
from tests.support.programs import Run


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        "{}",
        '{"in_use": 3, "before": []}',
        '{"in_use": null, "before": [[]]}',
        '{"in_use": null, "before": "nano"}',
        '{"in_use": null, "before": {"nano": 1}}',
    ],
)
def test_a_damaged_record_is_reported_and_rewritten(
    record: str, store: Path, update: Path, run: Run
) -> None:
    (store / "in-use.json").write_text(record)
    with pytest.raises(InvalidRecord, match="mnist-edge model use NAME"):
        loading.load_model()
    assert run("predict", SAMPLE, "--model", "nano").returncode == 0
    install.install(str(update))
    assert in_use().startswith("second-try")


@pytest.mark.parametrize("name", ["edge", "nano"])
def test_a_damaged_record_is_replaced_by_the_model_to_use(
    name: str, store: Path, update: Path
) -> None:
    (store / "in-use.json").write_text("[]")
    install.use(name)
    assert in_use() == name
    if name != "edge":
        install.rollback()
    with pytest.raises(ModelNotFound, match="no model was in use before edge"):
        install.rollback()


def test_a_name_in_the_record_does_not_walk_out_of_the_store(store: Path, update: Path) -> None:
    for name in ("../update", str(update), "../update-int8-0123456789ab"):
        (store / "in-use.json").write_text(json.dumps({"in_use": name, "before": []}))
        with pytest.raises(ModelNotFound, match="is gone"):
            loading.load_model()
