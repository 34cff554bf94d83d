"""Run the tasks of a plan on Ray Data, on this machine or on a cluster.

Each task is one block of a dataset of numbers, and one task of Ray: it reads its pictures, writes
its part, and returns what the part holds, some hundred bytes. Ray runs a task again whose worker
or node is lost. There are no actors: they would hold processors that the reads wait for, and with
as many of them as processors nothing would ever be read.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
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
        import ray.data

        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        if address:
            _connect(ray, address)
            try:
                yield
            finally:
                ray.shutdown()
            return
        folder = tempfile.mkdtemp(prefix="ray-", dir=_short_folder())
        try:
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

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    with warnings.catch_warnings():
        # By default, a task that always crashes would run for ever; there is no other way yet.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        dataset = ray.data.range(count, override_num_blocks=count).map_batches(
            partial(_run_batch, work=work),
            batch_size=None,
            num_cpus=1,
            max_retries=_MAX_RETRIES,
        )
    try:
        for row in dataset.iter_rows():
            yield _unpack(row["result"])
    except MnistEdgeError:
        raise
    except Exception as error:
        raise WorkerLost(
            f"a task failed on the cluster ({one_line(error)}); what was written stays: go on with "
            "--resume"
        ) from error


def _unpack(text: str) -> Any:
    result = json.loads(text)
    if "kind" in result:
        raise rebuild_error(result["kind"], result["message"])
    return result


def _run_batch(
    batch: Mapping[str, Any], work: Callable[[int], Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Do the work on the numbers of a block, on a node; an error of ours is its result."""
    results: list[Mapping[str, Any]] = []
    for number in batch["id"]:
        try:
            results.append(work(int(number)))
        except MnistEdgeError as error:
            results.append({"kind": type(error).__name__, "message": str(error)})
    return {"result": [json.dumps(result) for result in results]}


def require_ray() -> None:
    """Check that Ray Data is installed, without its import, which takes seconds.

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
