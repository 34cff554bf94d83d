"""Share work among processes.

Threads would share one interpreter of Python, which small pictures keep busy. A worker runs
``run_worker`` in a child process: it receives its work, pickled, on standard input, and sends the
results on standard output. Its input ends when its parent ends, for whatever reason, and then
it ends too.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from mnist_edge.errors import MnistEdgeError, WorkerLost
from mnist_edge.system.records import record

if TYPE_CHECKING:
    import subprocess
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_PER_WORKER = 2
"""Items handed out per worker: one that it works on, and one that waits."""


@record(frozen=True, kw_only=True)
class _Failure:
    """One of our errors, in a form that can be pickled whatever its constructor takes."""

    kind: str
    message: str


def available_cores() -> int:
    """Return the number of processor cores that this process may use."""
    # Only Linux knows those of a process.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int
) -> Generator[tuple[Item, Result], None, None]:
    """Yield each item with the result of the work on it, in the items' order.

    Items are consumed as workers become free. No worker outlives the generator, whether it is
    closed or left by an error.

    Args:
        work: picklable, as must be its argument and its result.
        items: what to work on.
        jobs: number of worker processes, at least 1.

    Raises:
        WorkerLost: a worker ended before its work was done, for example by an error that is not
            ours.
        MnistEdgeError: what the work raises.
    """
    pending: deque[tuple[Item, Future[Result]]] = deque()
    with worker_pool(work, jobs=jobs) as submit:
        for item in items:
            pending.append((item, submit(item)))
            if len(pending) == ITEMS_PER_WORKER * jobs:
                oldest, future = pending.popleft()
                yield oldest, future.result()
        while pending:
            oldest, future = pending.popleft()
            yield oldest, future.result()


@contextmanager
def worker_pool(
    work: Callable[[Item], Result], *, jobs: int
) -> Iterator[Callable[[Item], Future[Result]]]:
    """Start worker processes that end with the block, whatever they are doing then.

    Args:
        work: as for ``map_in_order``.
        jobs: number of worker processes.

    Yields:
        A function that hands an item to the next worker that is free. Its future raises as
        ``map_in_order`` does; after ``WorkerLost``, another process takes the lost one's place.
    """
    from concurrent.futures import ThreadPoolExecutor
    from queue import SimpleQueue

    workers: list[_Worker] = []
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def run_on_idle_worker(item: Item) -> Result:
        worker = idle.get()
        try:
            return cast("Result", worker.run(item))
        finally:
            idle.put(worker)

    # One thread waits for each worker, so that no worker waits for another.
    pool = ThreadPoolExecutor(jobs)
    try:
        for _ in range(jobs):
            workers.append(_Worker(work))
            idle.put(workers[-1])
        yield lambda item: pool.submit(run_on_idle_worker, item)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.end()
        pool.shutdown()


class _Worker:
    """A worker process, as its parent sees it."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        from threading import Lock

        self._work = work
        self._changing = Lock()
        self._ended = False
        self._process = self._start()
        self._knows_work = False

    def _start(self) -> subprocess.Popen[bytes]:
        # A start that reads one picture has no worker.
        import subprocess

        from mnist_edge.system.subprocesses import python_command, single_threaded

        return subprocess.Popen(
            python_command(run_worker),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # With as many processes as cores, threads of BLAS would only get in the way.
            env=single_threaded(),
        )

    def run(self, item: Any) -> Any:
        """Return the result of the work on an item, in a new process if the last one is lost."""
        from mnist_edge.system.subprocesses import describe_exit, rebuild_error

        with self._changing:
            if self._process.returncode is not None and not self._ended:
                self._close()
                self._process, self._knows_work = self._start(), False
            stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101  # both are pipes
        assert stdout is not None  # noqa: S101
        try:
            if not self._knows_work:
                _send(stdin, self._work)
                self._knows_work = True
            _send(stdin, item)
            result = pickle.load(stdout)  # noqa: S301  # from our own child
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            ending = describe_exit(self._process.wait())
            raise WorkerLost(
                f"a worker process ended before its work was done ({ending}); run it "
                "again, with fewer --jobs where memory is short: --jobs 1 takes none, and "
                "--resume goes on where a run ended"
            ) from error
        if isinstance(result, _Failure):
            raise rebuild_error(result.kind, result.message)
        return result

    def end(self) -> None:
        """End the process, whatever it is doing, and for good."""
        with self._changing:
            self._ended = True
            self._process.kill()
            self._process.wait()
            self._close()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # unsent input is lost
                    continue


def _send(stream: BinaryIO | Any, message: Any) -> None:
    pickle.dump(message, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def run_worker() -> None:
    """Work in a child process until standard input ends."""
    # Ctrl-C reaches every process of a terminal, but it is the parent that ends the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stdin = sys.stdin.buffer
    # Only results may reach standard output: what native code prints goes to standard error.
    with os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(2, 1)
        try:
            work = pickle.load(stdin)  # noqa: S301  # from our own parent
            while True:
                item = pickle.load(stdin)  # noqa: S301
                try:
                    result = work(item)
                except MnistEdgeError as error:
                    result = _Failure(kind=type(error).__name__, message=str(error))
                _send(stdout, result)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            # There is no more work, or the parent is gone.
            os._exit(0)
