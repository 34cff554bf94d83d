"""Known cases of every fuzzer and a fixed number of drawn ones, the same each time."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import Number, mutate
from tests.fuzz.runner import fuzz
from tests.fuzz.target import TARGETS, find_target, list_cases

linux = pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")


@linux
@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_raise_only_errors_of_this_project(name: str, tmp_path: Path) -> None:
    target = find_target(name)
    run = fuzz(name, seed="ci", count=target.count, kept=tmp_path)
    assert run.failures == []
    assert run.cases == len(list_cases(target)) + target.count
    # Damage that is always refused, or never, tests nothing.
    assert run.outcomes["read"] > 0
    assert len(run.outcomes) > 1


@linux
@pytest.mark.slow
def test_whatever_ends_a_worker_the_case_is_kept(tmp_path: Path) -> None:
    run = fuzz("faults", seed="1", count=4, kept=tmp_path)
    assert run.cases == 10
    assert run.outcomes == {"read": 10 - len(run.failures)}
    known, drawn = run.failures[:5], run.failures[5:]
    kinds = {failure.case: failure.reason for failure in known}
    assert kinds == {
        "raises": "ZeroDivisionError: on purpose",
        "crashes": "Fatal Python error: Segmentation fault",
        "hangs": f"ended with status {-signal.SIGPROF}",
        "takes too much": kinds["takes too much"],
        "is another error": "AssertionError: InvalidModel, expected ('read',)",
    }
    assert "of 200 allowed" in kinds["takes too much"]
    assert [failure.path for failure in known] == [None] * 5
    paths = [failure.path for failure in drawn if failure.path is not None]
    assert paths
    assert all(path.read_text() in kinds for path in paths)


def test_damage_is_the_same_for_the_same_seed() -> None:
    content, numbers = bytes(range(200)), [Number(4, 4), Number(10, 2, "little")]
    document = {"a": [1, 2.5, "text"], "b": {"c": None}}
    for kind in range(300):
        first, again = Random(kind), Random(kind)  # noqa: S311  # damage, not secrets
        damaged = mutate(first, content, numbers=numbers, donors=[b"other"])
        assert damaged == mutate(again, content, numbers=numbers, donors=[b"other"])
        assert mutate_json(first, document) == mutate_json(again, document)
    assert document == {"a": [1, 2.5, "text"], "b": {"c": None}}
