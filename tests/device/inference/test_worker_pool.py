from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import InvalidValue, WorkerLost
from mnist_edge.inference import worker_pool
from mnist_edge.inference.worker_pool import map_in_order
from tests.support.paths import ROOT
from tests.support.waiting import eventually, is_running


def doubled(number: int) -> int:
    if number == 7:
        raise InvalidValue("seven")
    return 2 * number


def pid(number: int) -> int:
    return os.getpid()


def killed(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers import this module by its name."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))


@pytest.mark.usefixtures("importable")
def test_results_come_in_order_and_few_items_are_read_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Any:
        for number in range(100, 130):
            taken.append(number)
            yield number

    for number, (item, result) in enumerate(map_in_order(doubled, numbers(), jobs=2), 100):
        assert (item, result) == (number, 2 * number)
        assert len(taken) <= number - 100 + 2 * 2


@pytest.mark.usefixtures("importable")
def test_an_error_in_a_worker_is_raised_and_no_worker_is_left() -> None:
    results = map_in_order(pid, range(100), jobs=2)
    processes = {next(results)[1] for _ in range(20)}
    results.close()
    eventually(lambda: not any(map(is_running, processes)))
    with pytest.raises(InvalidValue, match="seven"):
        list(map_in_order(doubled, range(100), jobs=2))


@pytest.mark.usefixtures("importable")
def test_a_killed_worker_is_an_error() -> None:
    with pytest.raises(WorkerLost, match=r"SIGKILL.*--jobs 1"):
        list(map_in_order(killed, range(100), jobs=2))


def test_there_is_at_least_one_core() -> None:
    assert worker_pool.available_cores() >= 1


def killed_once(marker: Path) -> bool:
    if marker.exists():
        return True
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return False


@pytest.mark.slow
@pytest.mark.usefixtures("importable")
def test_another_process_takes_the_place_of_a_lost_one(tmp_path: Path) -> None:
    with worker_pool.worker_pool(killed_once, jobs=1) as submit:
        lost = submit(tmp_path / "marker")
        with pytest.raises(WorkerLost, match="SIGKILL"):
            lost.result()
        assert submit(tmp_path / "marker").result()
