"""Read an input of any size into a folder of parts, on this machine or on a cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from mnist_edge import __version__
from mnist_edge.deployment.cluster import storage
from mnist_edge.deployment.cluster.local_engine import run_on_processes
from mnist_edge.deployment.cluster.parts import write_part
from mnist_edge.deployment.cluster.plan import (
    PLAN,
    BatchPlan,
    BatchSettings,
    load_plan,
    make_plan,
    save_plan,
)
from mnist_edge.deployment.cluster.ray_engine import ray_cluster, run_on_ray
from mnist_edge.deployment.cluster.summary import Tally
from mnist_edge.errors import InvalidValue, TooManyErrors
from mnist_edge.inference.classifier import Classifier
from mnist_edge.inference.columns import SCHEMA_VERSION

RunTasks: TypeAlias = Callable[
    [Callable[[int], dict[str, Any]], int], Generator[dict[str, Any], None, None]
]
"""A function that does the work on each number below a count, and yields what it returns."""
SUMMARY, SUCCESS = "_summary.json", "_SUCCESS"
"""Files in the output folder: what all parts hold, and the empty one that says that they are all
there."""


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """What a run read."""

    tally: Tally
    """What all parts hold."""
    read: int
    """Number of pictures that this run read; the others were there."""
    seconds: float
    """Time from the first task to the last."""


def prepare_run(
    source: str,
    out: str,
    settings: BatchSettings,
    *,
    resume: bool,
    column: str | None,
    part_rows: int | None,
) -> BatchPlan:
    """Return the plan of a run: a new one, or that of the run to go on with.

    Raises:
        InvalidValue: the output folder holds something, or the input is not one.
        CheckpointMismatch: the run to go on with has other settings or another input.
        MnistEdgeError: as ``make_plan`` says.
    """
    plan = load_plan(out, settings) if resume else None
    if plan is None:
        _require_empty(out, resume=resume)
        plan = make_plan(
            source, out, column=column, part_rows=part_rows, read_all=settings.read_all
        )
        save_plan(out, plan, settings)
    elif plan.source != source:
        raise InvalidValue(
            f"the run in {storage.split_query(out)[0]} reads {plan.source}, not {source}; resume "
            "it with the same input, or name another OUT"
        )
    return plan


def run_batch(
    plan: BatchPlan,
    settings: BatchSettings,
    classifier: Classifier,
    out: str,
    *,
    address: str | None,
    jobs: int,
    max_errors: int | None,
    on_part: Callable[[int], None],
) -> BatchResult:
    """Run the tasks of a plan, and write the summary once all parts are there.

    Args:
        plan: what to read; saved to the output folder.
        settings: how.
        classifier: the model.
        out: the output folder, which every node of the cluster can write.
        address: of a cluster of Ray; None for this machine.
        jobs: number of processes on this machine.
        max_errors: the run ends when more pictures cannot be read.
        on_part: called with the number of pictures of each part that is there.

    Raises:
        TooManyErrors: more pictures cannot be read than allowed.
        NotWritable: the output folder is full or gone.
        StorageFailed: the input does not answer.
        WorkerLost: a task cannot be finished.
    """
    out = out if storage.is_url(out) else str(Path(out).absolute())
    work = partial(_run_task, plan=plan, settings=settings, classifier=classifier, out=out)
    tally, read = Tally(), 0
    try:
        with _engine(address, jobs=jobs) as run_tasks:
            started = time.monotonic()
            with closing(run_tasks(work, len(plan.tasks))) as results:
                for done in results:
                    part = Tally(**done["tally"])
                    tally.add(part)
                    read += part.rows if done["written"] else 0
                    on_part(part.rows)
                    _require_few_errors(tally, max_errors, out)
            seconds = time.monotonic() - started
    finally:
        # A worker that was killed has left the part that it wrote.
        storage.remove_unfinished(out)
    result = BatchResult(tally=tally, read=read, seconds=seconds)
    _write_summary(out, result, settings)
    return result


@contextmanager
def _engine(address: str | None, *, jobs: int) -> Iterator[RunTasks]:
    """Yield what runs tasks: Ray on a cluster, or else processes of this machine."""
    if address:
        with ray_cluster(address):
            yield run_on_ray
    else:
        yield partial(run_on_processes, jobs=jobs)


def _require_few_errors(tally: Tally, max_errors: int | None, out: str) -> None:
    if max_errors is not None and tally.failed > max_errors:
        raise TooManyErrors(
            f"{tally.failed} of {tally.rows} pictures cannot be read, more than "
            f"--max-errors {max_errors}; look at their rows in {out}, and go on with "
            "--resume and a higher number"
        )


def _run_task(
    number: int, *, plan: BatchPlan, settings: BatchSettings, classifier: Classifier, out: str
) -> dict[str, Any]:
    tally, written = write_part(
        plan,
        plan.tasks[number],
        classifier,
        out=out,
        output_format=settings.output_format,
        read_all=settings.read_all,
    )
    return {"tally": tally.to_dict(), "written": written}


def _write_summary(out: str, result: BatchResult, settings: BatchSettings) -> None:
    document: Mapping[str, Any] = {
        **result.tally.to_dict(),
        "read": result.read,
        "seconds": round(result.seconds, 3),
        "pictures_per_second": round(result.read / max(result.seconds, 1e-9), 1),
        **asdict(settings),
        "schema_version": SCHEMA_VERSION,
        "mnist_edge": __version__,
    }
    content = json.dumps(document, indent=2) + "\n"
    storage.write_file(storage.join(out, SUMMARY), content.encode())
    storage.write_file(storage.join(out, SUCCESS), b"")


def _require_empty(out: str, *, resume: bool) -> None:
    """Refuse a folder that holds something else than the beginning of a run."""
    if not storage.is_there(out):
        return
    place = storage.split_query(out)[0]
    if not storage.is_folder(out):
        raise InvalidValue(f"{place} is a file; expected a folder to write parts to")
    if storage.is_there(storage.join(out, PLAN)):
        raise InvalidValue(f"{place} holds a run: go on with it by --resume, or name another OUT")
    if next(storage.walk(out), None) is not None and not resume:
        raise InvalidValue(f"{place} is not empty; name a folder that is, or is not there")
