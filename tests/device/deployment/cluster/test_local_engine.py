"""Tasks in processes of this machine; the work is in this module, which they import by its name."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from mnist_edge.deployment.cluster.local_engine import run_on_processes
from mnist_edge.deployment.cluster.plan import MAX_RETRIES, make_plan
from mnist_edge.deployment.cluster.sources import TaskPictures
from mnist_edge.errors import NotWritable, WorkerLost
from tests.support.paths import ROOT
from tests.support.sharded import write_parquet


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))


def process_of(number: int) -> tuple[int, int]:
    return number, os.getpid()


def killed_at_first(number: int, *, folder: Path, times: int) -> int:
    """Return a number; the process is lost the first times that a task is run."""
    for attempt in range(times if number == 3 else 0):
        try:
            (folder / str(attempt)).touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def full(number: int) -> int:
    raise NotWritable("the disk is full")


@pytest.mark.parametrize(("jobs", "count"), [(1, 3), (2, 1), (2, 0)])
def test_work_for_one_process_starts_no_other(jobs: int, count: int) -> None:
    expected = [(number, os.getpid()) for number in range(count)]
    assert list(run_on_processes(process_of, count, jobs=jobs)) == expected


@pytest.mark.slow
def test_several_processes_do_each_task_once() -> None:
    done = dict(run_on_processes(process_of, 50, jobs=2))
    assert sorted(done) == list(range(50))
    assert os.getpid() not in done.values()


@pytest.mark.slow
def test_the_tasks_of_a_lost_process_run_again(tmp_path: Path) -> None:
    work = partial(killed_at_first, folder=tmp_path, times=MAX_RETRIES)
    assert sorted(run_on_processes(work, 8, jobs=2)) == list(range(8))
    assert len(list(tmp_path.iterdir())) == MAX_RETRIES


@pytest.mark.slow
def test_a_task_that_always_loses_its_process_ends_the_run(tmp_path: Path) -> None:
    work = partial(killed_at_first, folder=tmp_path, times=MAX_RETRIES + 9)
    with pytest.raises(WorkerLost, match=r"SIGKILL.*--resume"):
        list(run_on_processes(work, 8, jobs=2))
    assert len(list(tmp_path.iterdir())) == MAX_RETRIES + 1


def test_an_error_of_the_work_is_raised() -> None:
    with pytest.raises(NotWritable, match="full"):
        list(run_on_processes(full, 8, jobs=2))


def nanoseconds(number: int, *, file: Path) -> tuple[bool, list[int | None]]:
    """Pass a column of times on, and check whether pandas was imported for it."""
    plan = make_plan(str(file), None)
    pictures = TaskPictures(plan, plan.tasks[0])
    taken = [passed["taken"] for _, _, passed in pictures]
    passed = pa.array(taken, pictures.schema.field("taken").type)
    return "pandas" in sys.modules, passed.cast(pa.int64()).to_pylist()


@pytest.mark.slow
def test_the_slow_import_of_pandas_is_not_needed_even_for_nanoseconds(tmp_path: Path) -> None:
    times = [1_700_000_000_000_000_001, None]
    columns = {"bytes": [b"a", b"b"], "taken": pa.array(times, pa.timestamp("ns", "UTC"))}
    work = partial(nanoseconds, file=write_parquet(tmp_path / "a.parquet", columns))
    assert list(run_on_processes(work, 2, jobs=2)) == [(False, times)] * 2
