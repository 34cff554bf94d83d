"""``mnist-edge reproduce``: trains the articles' systems and compares figures."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.console import note
from mnist_edge.commands.options import (
    RUNS,
    DataOption,
    DocumentFormat,
    complete_recipes,
    format_option,
    list_option,
    out_option,
)
from mnist_edge.commands.parsing import split_list
from mnist_edge.commands.training_progress import TrainingProgress

EXAMPLES = """
mnist-edge reproduce
mnist-edge reproduce --only cnn,cnn-unscaled
mnist-edge reproduce --format json > reproduction.json
"""


def reproduce_command(
    only: Annotated[
        list[str] | None,
        list_option(
            "--only",
            metavar="RECIPE",
            description="Train these systems; finished ones stay in the table",
            default="all",
            completion=complete_recipes,
        ),
    ] = None,
    data: DataOption = None,
    out: Annotated[Path, out_option("Output folder of the runs and the table.")] = RUNS
    / "reproduction",
    output: Annotated[DocumentFormat, format_option(DocumentFormat)] = DocumentFormat.text,
) -> None:
    """Train the four articles' systems and compare figures.

    Writes REPRODUCTION.md, reproduction.json and reproduction.png. Takes about a
    quarter of an hour on two cores; a system that is finished is kept.
    """
    from mnist_edge.data.mnist import locate_mnist
    from mnist_edge.device.machine import describe_machine
    from mnist_edge.evaluation.reproduction import measure, page, systems
    from mnist_edge.system.files import replacing, require_writable, write_json, write_text
    from mnist_edge.training.frameworks import import_keras, package_versions, require_workstation

    chosen = systems.find_systems(split_list(only))
    # What was trained before stays in the table.
    chosen = [
        system for system in systems.SYSTEMS if system in chosen or measure.is_trained(system, out)
    ]
    require_workstation()
    require_writable(out)
    import_keras()
    source = locate_mnist(data)
    rows = []
    with TrainingProgress() as listener:
        for row in measure.reproduce(chosen, source, out, listener=listener):
            note(f"{row.system.recipe}: {row.test_float:.2f} % float, {row.test_int8:.2f} % int8")
            rows.append(row)
    where = f"TensorFlow {package_versions()['tensorflow']} on {describe_machine()}"
    document = page.reproduction_document(rows, machine=where)
    markdown = page.reproduction_markdown(rows, machine=where)
    write_json(out / "reproduction.json", document)
    write_text(out / "REPRODUCTION.md", markdown)
    with replacing(out / "reproduction.png") as temporary:
        page.plot_reproduction(rows, temporary)
    if output is DocumentFormat.json:
        typer.echo(json.dumps(document, indent=2))
    else:
        typer.echo(markdown)
    note(f"wrote {out / 'REPRODUCTION.md'}, reproduction.json and reproduction.png")
