"""Work that is shared out among processes, its results in order.

Threads would share one interpreter of Python, which small pictures keep busy. A worker is ``python
-m mnist_edge.inference.worker_pool``: what it is to do comes in on its standard input, pickled, and
the results go out on its standard output. Its input ends when its parent does, in whatever way, and
it ends then too.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, cast

from mnist_edge import errors
from mnist_edge.errors import MnistEdgeError, WorkerLost

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Items given out for each worker: one that it works on, and one that waits."""


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """An error of ours, in a form that any of them can be sent in."""

    name: str
    message: str


def cores() -> int:
    """Processor cores that this process may use."""
    # Linux alone tells those of a process.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int
) -> Generator[tuple[Item, Result], None, None]:
    """Yields each item with what the work made of it, in the items' order.

    No more items are taken than are worked on or wait to be. When the iterator is closed, or an
    error leaves it, no worker is left.

    Args:
        work: can be pickled, as must be what it takes and gives.
        items: taken from as workers come free.
        jobs: worker processes, 1 at least.

    Raises:
        WorkerLost: one ended before its work was done.
        MnistEdgeError: what the work raises; of other errors the worker ends.
    """
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue

    workers: list[_Worker] = []
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def on_any(item: Item) -> Result:
        worker = idle.get()
        try:
            return cast("Result", worker.do(item))
        finally:
            idle.put(worker)

    pending: deque[tuple[Item, Future[Result]]] = deque()
    # A thread waits for each worker, so that none of them waits for another.
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for _ in range(jobs):
                workers.append(_Worker(work))
                idle.put(workers[-1])
            for item in items:
                pending.append((item, pool.submit(on_any, item)))
                if len(pending) == _AHEAD * jobs:
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            for _, future in pending:
                future.cancel()
            for worker in workers:
                worker.end()


class _Worker:
    """A process, as its parent sees it."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mnist_edge.inference.worker_pool"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # As many processes as cores need no threads of BLAS besides.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        self._work: Callable[[Any], Any] | None = work

    def do(self, item: Any) -> Any:
        """What the work makes of an item."""
        sent, received = self._process.stdin, self._process.stdout
        assert sent is not None  # noqa: S101  # both are pipes
        assert received is not None  # noqa: S101
        try:
            if self._work is not None:
                _send(sent, self._work)
                self._work = None
            _send(sent, item)
            outcome = pickle.load(received)  # noqa: S301  # from our own child
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise WorkerLost(
                f"a worker process ended before its work was done ({self._ending()}); run it "
                "again, with fewer --jobs where memory is short: --jobs 1 takes none, and "
                "--resume goes on where a run ended"
            ) from error
        if isinstance(outcome, _Failure):
            raise getattr(errors, outcome.name)(outcome.message)
        return outcome

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what it had not been sent yet
                    continue

    def _ending(self) -> str:
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit {code}"


def _send(stream: BinaryIO | Any, message: Any) -> None:
    pickle.dump(message, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def main() -> None:
    """The child's side."""
    # Ctrl-C goes to every process of a terminal: the parent ends the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given = sys.stdin.buffer
    # Results alone go out: what native code prints is no result.
    with os.fdopen(os.dup(1), "wb") as results:
        os.dup2(2, 1)
        try:
            work = pickle.load(given)  # noqa: S301  # from our own parent
            while True:
                item = pickle.load(given)  # noqa: S301
                try:
                    outcome = work(item)
                except MnistEdgeError as error:
                    outcome = _Failure(name=type(error).__name__, message=str(error))
                _send(results, outcome)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            # There is no more to do, or nobody to do it for.
            os._exit(0)


if __name__ == "__main__":
    # What is sent is of the module, and not of __main__.
    from mnist_edge.inference.worker_pool import main as run

    run()
