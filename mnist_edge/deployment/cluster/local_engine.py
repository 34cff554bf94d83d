"""Run the tasks of a plan in processes of this machine, those that ``predict --jobs`` reads with.

Ray is not needed for that, and would be slow: it takes some seconds to start and to end, as long as
two processors take to read twenty thousand pictures, and 450 MB.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import cache, partial
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa

from mnist_edge.deployment.cluster.plan import MAX_RETRIES
from mnist_edge.errors import WorkerLost
from mnist_edge.inference.worker_pool import ITEMS_PER_WORKER, worker_pool

Result = TypeVar("Result")


def run_on_processes(
    work: Callable[[int], Result], count: int, *, jobs: int
) -> Generator[Result, None, None]:
    """Yield what the work on each number returns, as soon as it is known, in any order.

    No process outlives the generator, whether it is closed or left by an error.

    Args:
        work: picklable, as is what it returns. It is called again for a number whose process was
            lost.
        count: number of tasks; the numbers are 0 and up.
        jobs: number of processes; 1 works in this one, as a single task does.

    Raises:
        MnistEdgeError: what the work raises.
        WorkerLost: a task's process ended again and again.
    """
    numbers = iter(range(count))
    jobs = min(jobs, count)
    if jobs <= 1:
        yield from map(work, numbers)
        return
    losses: Counter[int] = Counter()
    with worker_pool(partial(_without_pandas, work), jobs=jobs) as submit:
        first = islice(numbers, ITEMS_PER_WORKER * jobs)
        pending: dict[Future[Result], int] = {submit(number): number for number in first}
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                number = pending.pop(future)
                try:
                    result = future.result()
                except WorkerLost:
                    losses[number] += 1
                    if losses[number] > MAX_RETRIES:
                        raise
                    pending[submit(number)] = number
                    continue
                pending.update({submit(number): number for number in islice(numbers, 1)})
                yield result


def _without_pandas(work: Callable[[int], Result], number: int) -> Result:
    """Do the work on a number, in a process that nobody else uses."""
    _forget_pandas()
    return work(number)


@cache
def _forget_pandas() -> None:
    """Hide pandas from pyarrow.

    It imports pandas before it builds an array, which takes each process as long as two thousand
    pictures, and nothing here uses it.
    """
    sys.meta_path.insert(0, _WithoutPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_WithoutPandas)


class _WithoutPandas:
    """A module finder that does not find pandas."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
