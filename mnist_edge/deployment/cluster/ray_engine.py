"""Run the tasks of a plan on a cluster of Ray.

Each task of a plan is a task of Ray: it reads its pictures, writes its part, and returns what the
part holds, some hundred bytes. Ray runs a task again whose worker or node is lost.

These are tasks of Ray itself. Those of Ray Data, which would pass nothing but numbers on here, took
half as much processor time and memory again, and ran for ever where one always crashed
(docs/how-to/read-on-a-cluster.md). There are no actors either: they hold processors that reads wait
for, and with as many of them as processors nothing is ever read.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from mnist_edge.deployment.cluster.plan import MAX_RETRIES
from mnist_edge.errors import (
    InvalidValue,
    MissingDependency,
    MnistEdgeError,
    WorkerLost,
    extra_install_command,
)
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.system.subprocesses import rebuild_error
from mnist_edge.system.text import one_line

_CONNECT_SECONDS = 20
"""Time within which the head of a cluster takes a connection."""
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Attempts of about 40 seconds each; 20 by default.
    "RAY_gcs_server_port_wait_time_s": "2",
}
"""Ray reports nothing to anybody, and takes a head that does not answer for none in time."""
_WAITING = 2
"""Tasks handed out per processor: one that runs, and one that waits."""


@contextmanager
def ray_cluster(address: str) -> Iterator[None]:
    """Connect to a cluster, until the end of the block.

    Args:
        address: of the cluster's head, ``HOST:PORT``, or ``auto``.

    Raises:
        InvalidValue: there is no cluster at the address.
    """
    with _environment(), _own_sigterm():
        import ray

        logging.getLogger("ray").setLevel(logging.ERROR)
        # Workers import what lies in the folder that Ray is started in: an empty one.
        with tempfile.TemporaryDirectory(prefix="ray-") as folder, _current_folder(folder):
            try:
                # Its native half reports each attempt.
                with capture_descriptors(2):
                    ray.init(address=address, log_to_driver=False, configure_logging=False)
            except Exception as error:
                raise _no_cluster(address, one_line(error)) from error
    try:
        yield
    finally:
        ray.shutdown()


def run_on_ray(work: Callable[[int], Mapping[str, Any]], count: int) -> Generator[Any, None, None]:
    """Yield what the work on each number returns, as soon as it is known, in any order.

    Args:
        work: picklable, as what it uses; it returns JSON. It is called again for a number whose
            process was lost.
        count: number of tasks; the numbers are 0 and up.

    Raises:
        MnistEdgeError: what the work raises.
        WorkerLost: a task's process ended again and again, or the cluster is gone.
    """
    import ray

    run = ray.remote(num_cpus=1, max_retries=MAX_RETRIES, scheduling_strategy="SPREAD")(_run_task)
    numbers = iter(range(count))
    pending: dict[Any, int] = {}
    number = 0
    try:
        shared = ray.put(work)
        while True:
            # A cluster may grow meanwhile, or shrink.
            wanted = max(2, int(_WAITING * ray.cluster_resources().get("CPU", 1)))
            for number in islice(numbers, max(0, wanted - len(pending))):
                pending[run.remote(shared, number)] = number
            if not pending:
                return
            for done in ray.wait(list(pending))[0]:
                number = pending.pop(done)
                yield _unpack(ray.get(done))
    except MnistEdgeError:
        raise
    except Exception as error:
        raise WorkerLost(
            f"task {number} failed on the cluster ({one_line(error)}); what was written stays: go "
            "on with --resume"
        ) from error


def _unpack(result: Any) -> Any:
    if "kind" in result:
        raise rebuild_error(result["kind"], result["message"])
    return result


def _run_task(work: Callable[[int], Mapping[str, Any]], number: int) -> Mapping[str, Any]:
    """Do the work on a number, on a node; an error of this package is its result."""
    try:
        return work(number)
    except MnistEdgeError as error:
        return {"kind": type(error).__name__, "message": str(error)}


def require_cluster(address: str) -> None:
    """Check that Ray is installed and something listens, without Ray's import, which takes seconds.

    Args:
        address: as for ``ray_cluster``.

    Raises:
        MissingDependency: Ray is not installed.
        InvalidValue: nothing listens at the address.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingDependency(
            f"batch needs ray, which is not installed: {extra_install_command('ray')}"
        )
    host, colon, port = address.rpartition(":")
    if "://" in address or not colon:  # Ray's own names, such as auto
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, one_line(error)) from error


def _no_cluster(address: str, reason: str) -> InvalidValue:
    return InvalidValue(
        f"--address {address}: {reason}; expected HOST:PORT of a cluster that ray start --head "
        "began, with the same versions of Ray and Python"
    )


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep what the program does on SIGTERM, which Ray would end with a trace of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def _current_folder(folder: str) -> Iterator[None]:
    """Make a folder the current one: Ray has its workers import what lies in that."""
    before = os.getcwd()  # noqa: PTH109  # as it is to be again
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _environment() -> Iterator[None]:
    """Set Ray's variables, but none that the user has set."""
    added = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
