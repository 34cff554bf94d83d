"""Run the tasks of a plan on Ray, on this machine or on a cluster.

Each task of a plan is a task of Ray: it reads its pictures, writes its part, and returns what the
part holds, some hundred bytes. Ray runs a task again whose worker or node is lost.

These are tasks of Ray itself. Those of Ray Data, which would pass nothing but numbers on here, took
twice the processor time to start and half as much memory again, and run for ever where one always
crashes. There are no actors either: they hold processors that reads wait for, and with as many of
them as processors nothing is ever read.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from mnist_edge.errors import (
    InvalidValue,
    MissingDependency,
    MnistEdgeError,
    WorkerLost,
    extra_install_command,
)
from mnist_edge.system.subprocesses import rebuild_error
from mnist_edge.system.text import one_line

_LOCAL_ENVIRONMENT = {
    # Ray's way to listen on the loopback interface alone, whatever the system is called.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
}
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
}
_STORE_BYTES = 80_000_000
"""Memory that tasks share, the least that Ray takes: what they return is small."""
_WAITING = 2
"""Tasks handed out per processor: one that runs, and one that waits."""
_MAX_FOLDER = 24
"""Characters of a folder for temporary files: the paths of sockets below have 107 at most."""
_MAX_RETRIES = 4
"""Number of times that a task runs again whose worker or node was lost."""


@contextmanager
def ray_cluster(address: str | None, *, jobs: int) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine that ends with the block.

    The one on this machine listens on the loopback interface alone, takes a token that is made for
    it, has no dashboard and reports nothing to anybody; its files are removed.

    Args:
        address: of the cluster's head, ``HOST:PORT`` or ``auto``; None for this machine.
        jobs: number of processors of this machine that are used.

    Raises:
        InvalidValue: there is no cluster at the address.
    """
    wanted = {**_ENVIRONMENT, **({} if address else _LOCAL_ENVIRONMENT)}
    if not address:
        wanted["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    with _environment(wanted):
        import ray

        logging.getLogger("ray").setLevel(logging.ERROR)
        if address:
            with _own_sigterm():
                _connect(ray, address)
            try:
                yield
            finally:
                ray.shutdown()
            return
        folder = tempfile.mkdtemp(prefix="ray-", dir=_short_folder())
        try:
            with _own_sigterm():
                ray.init(
                    address="local",
                    num_cpus=jobs,
                    num_gpus=0,
                    object_store_memory=_STORE_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                    configure_logging=False,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=folder,
                )
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def run_tasks(work: Callable[[int], Mapping[str, Any]], count: int) -> Iterator[Any]:
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

    run = ray.remote(num_cpus=1, max_retries=_MAX_RETRIES, scheduling_strategy="SPREAD")(_run_task)
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
    """Do the work on a number, on a node; an error of ours is its result."""
    try:
        return work(number)
    except MnistEdgeError as error:
        return {"kind": type(error).__name__, "message": str(error)}


def require_ray() -> None:
    """Check that Ray is installed, without its import, which takes seconds.

    Raises:
        MissingDependency: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingDependency(
            f"batch needs ray, which is not installed: {extra_install_command('ray')}"
        )


def _connect(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except Exception as error:
        raise InvalidValue(
            f"--address {address}: {one_line(error)}; expected HOST:PORT of a cluster that ray "
            "start --head began, with the same versions of Ray and Python"
        ) from error


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep what the program does on SIGTERM, which Ray would end with a trace of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def _short_folder() -> str:
    folder = tempfile.gettempdir()
    return folder if len(folder) <= _MAX_FOLDER else "/tmp"  # noqa: S108  # for its length


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set variables that Ray's processes inherit, but none that the user has set."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
