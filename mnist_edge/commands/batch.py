"""``mnist-edge batch``: reads pictures by the million, on this machine or a cluster of Ray."""

from contextlib import nullcontext
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands import console
from mnist_edge.commands.options import (
    AllOption,
    MinConfidenceOption,
    ModelOption,
    RuntimeOption,
    format_option,
)
from mnist_edge.commands.parsing import parse_min_confidence
from mnist_edge.errors import InvalidValue, MissingDependency, extra_install_command

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mnist_edge.deployment.cluster.batch_run import BatchResult
    from mnist_edge.deployment.cluster.plan import BatchPlan

EXAMPLES = """
mnist-edge batch digits/ answers/
mnist-edge batch shards/ s3://bucket/answers --address 10.0.0.5:6379
mnist-edge batch scans.parquet answers/ --column image --resume
"""


class PartFormat(str, Enum):
    """Formats of the parts."""

    parquet = "parquet"
    jsonl = "jsonl"


def batch_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="A folder of pictures, of tar archives or of parquet files, one of the latter, "
            "or a list of paths; here or in object storage.",
        ),
    ],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="Folder to write parts to, or its URL.")
    ],
    model: ModelOption = None,
    min_confidence: MinConfidenceOption = None,
    read_all: AllOption = False,
    output: Annotated[PartFormat, format_option(PartFormat)] = PartFormat.parquet,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Column of parquet with images, pixels or paths.",
            show_default="bytes, pixels, path or image",
        ),
    ] = None,
    part: Annotated[
        int | None,
        typer.Option(
            "--part",
            metavar="N",
            min=1,
            help="Pictures of a part; a fault costs no more.",
            show_default="up to 10,240",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="The head of a Ray cluster; auto finds it on one of its nodes.",
            show_default="this machine alone",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            max=256,
            help="Processes to read with: 1 for none but this one.",
            show_default="one per core",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that OUT holds.")
    ] = False,
    max_errors: Annotated[
        int | None,
        typer.Option(
            "--max-errors",
            metavar="N",
            min=0,
            help="End when more pictures cannot be read.",
            show_default="go on",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read, and by how many tasks.")
    ] = False,
    runtime: RuntimeOption = None,
) -> None:
    """Read pictures by the million, on one machine or many.

    Writes a row per picture, with predict's answer or its error, to parts in
    OUT, then _summary.json and an empty _SUCCESS. The rows of --format jsonl are
    the lines of predict. Runs in processes of this machine, or on Ray with
    --address.

    A run that was interrupted goes on with --resume: a part that is there is not
    read again. The exit status is 1 if a picture could not be read.
    """
    try:
        from mnist_edge.deployment.cluster.batch_run import prepare_run, run_batch
        from mnist_edge.deployment.cluster.plan import BatchSettings, make_plan
        from mnist_edge.deployment.cluster.ray_engine import require_cluster
    except ImportError as error:
        raise MissingDependency(
            f"batch needs {error.name}, which is not installed: {extra_install_command('ray')}"
        ) from error
    from mnist_edge.commands.predict_pictures import unwinding_on_sigterm, warn_about
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.worker_pool import available_cores

    if address and jobs:
        raise InvalidValue("--jobs is of this machine; a cluster at --address uses all it has")
    if address and runtime:
        raise InvalidValue("--runtime is of this machine; the nodes at --address use their own")
    classifier = Classifier(model, min_confidence=parse_min_confidence(min_confidence))
    warn_about(classifier)
    if dry_run:
        plan = make_plan(source, None, column=column, part_rows=part, read_all=read_all)
        typer.echo(_describe_plan(plan, out, output.value))
        return
    if address:
        require_cluster(address)
    settings = BatchSettings(
        model_sha256=classifier.model.sha256,
        min_confidence=classifier.min_confidence,
        read_all=read_all,
        output_format=output.value,
    )
    plan = prepare_run(source, out, settings, resume=resume, column=column, part_rows=part)
    with unwinding_on_sigterm(), _progress(plan) as bar:
        result = run_batch(
            plan,
            settings,
            classifier,
            out,
            address=address,
            jobs=jobs or available_cores(),
            max_errors=max_errors,
            on_part=bar.update if bar else lambda count: None,
        )
    typer.echo(_describe_result(result, classifier.model.sha256, out))
    if result.tally.failed:
        raise typer.Exit(1)


def _progress(plan: "BatchPlan") -> "AbstractContextManager[Any]":
    """Draw a bar where the number of pictures is known."""
    return console.progress_bar(plan.pictures, "reading") if plan.pictures else nullcontext()


def _describe_plan(plan: "BatchPlan", out: str, output_format: str) -> str:
    kinds = {"paths": "pictures", "tar": "tar archives", "parquet": "rows of parquet"}
    count = plan.pictures if plan.pictures is not None else len(plan.tasks)
    facts = {
        "reads": f"{count:,} {kinds[plan.kind]} of {plan.source}",
        **({"column": plan.column} if plan.column else {}),
        "tasks": f"{len(plan.tasks):,}",
        "writes": f"a part of {output_format} per task to {out}",
    }
    return console.format_facts(facts)


def _describe_result(result: "BatchResult", model_sha256: str, out: str) -> str:
    tally = result.tally
    answers = sum(tally.digits.values())
    speed = result.read / result.seconds if result.seconds else 0
    facts = {
        "rows": f"{tally.rows:,} in {out}",
        "answers": f"{answers:,}{_counts(tally.digits)}",
        "abstained": f"{sum(tally.abstained.values()):,}{_counts(tally.abstained)}",
        "errors": f"{tally.failed:,}{_counts(tally.errors)}",
        "speed": f"{speed:,.0f} pictures/s, {result.read:,} read in {result.seconds:.1f} s",
        "model": model_sha256,
    }
    return console.format_facts(facts)


def _counts(counts: dict[str, int]) -> str:
    listed = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
    return f" ({listed})" if listed else ""
