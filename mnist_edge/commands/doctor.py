"""``mnist-edge doctor``: checks that this machine can read pictures, and says what to do if not.

``--format json`` prints one object, whose fields stay as they are::

    {"version": "0.1.0", "status": "warning", "findings": [
      {"name": "cpu", "status": "good", "found": "Cortex-A72, aarch64, 64-bit Python, asimd",
       "advice": null, "facts": {"architecture": "aarch64", ...}}, ...]}

``version`` is mnist-edge's; ``status`` is the worst of the findings: good, warning or bad.
``found`` and ``advice`` are for people, and their wording may change. A finding that does not apply
to the machine is left out, and an unknown fact is null. The facts, by the finding's name:

board               model
cpu                 architecture, name, features, kernel_bits, python_bits
libc                name, version
python              version, executable
memory              total_bytes, available_bytes
temperature         celsius
throttling          now, since_start: which of under-voltage, frequency capped, throttled and
                    soft temperature limit there are and were
numpy               version, abi: number of its binary interface
pillow              version
runtime             none: the chosen runtime is not available
tflite-runtime, ai-edge-litert, numpy-runtime
                    version, in_use, import_seconds
models              none: the shipped models are missing
model NAME          sha256: of each file, by scheme
self-test NAME      runtime; steps: the largest difference of each golden vector; allowed
speed NAME          runtime; microseconds: median time of one digit, pixels to logits, with the
                    default model
readings SOURCE     days: with readings of the model in use; week: its Monday, null where there are
                    too few; p_values: of digits, abstentions and confidence, corrected
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import paint, wrap
from mnist_edge.commands.options import DocumentFormat, RuntimeOption, format_option
from mnist_edge.system.text import escape_controls

if TYPE_CHECKING:
    from mnist_edge.device.doctor.finding import Finding

EXAMPLES = """
mnist-edge doctor
mnist-edge doctor --runtime numpy
mnist-edge doctor --format json
"""
RENAMED = {"--json": "--format json"}

_STATUS, _NAME = 7, 21
"""Columns of a finding's status and name."""
_COLORS = {"good": "green", "warning": "yellow", "bad": "red"}


def doctor_command(
    output: Annotated[DocumentFormat, format_option(DocumentFormat)] = DocumentFormat.text,
    runtime: RuntimeOption = None,
) -> None:
    """Check that this machine can read pictures.

    Checks board, processor, memory, heat, packages, runtimes, and the shipped
    models and their answers, and whether what watch and serve read last week
    differs from the weeks before. Each is good, a warning, or bad, with advice. The
    exit status is 1 if anything is bad. What may crash runs in its own process.
    """
    from mnist_edge import __version__
    from mnist_edge.device.doctor.finding import worst_status
    from mnist_edge.device.doctor.host import examine_host
    from mnist_edge.device.doctor.readings import examine_readings
    from mnist_edge.device.doctor.software import examine_software

    findings = itertools.chain(examine_host(), examine_software(), examine_readings())
    if output is DocumentFormat.json:
        found = list(findings)
        document = {
            "version": __version__,
            "status": worst_status(found),
            "findings": [asdict(finding) for finding in found],
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        found = _print(findings)
        typer.echo(_summary(found))
    if worst_status(found) == "bad":
        raise typer.Exit(1)


def _print(findings: "Iterable[Finding]") -> "list[Finding]":
    """Print findings as they come, which takes seconds on a small board."""
    printed = []
    for finding in findings:
        printed.append(finding)
        typer.echo(_format(finding))
    return printed


def _format(finding: "Finding") -> str:
    """Format a finding with its advice below; a name that is too long has a line of its own."""
    margin = " " * (_STATUS + _NAME + 2)
    name = f"{'':{_STATUS}} {finding.name:{_NAME}} "
    lines = [wrap(finding.found, first=name, margin=margin)]
    if len(name) > len(margin):
        lines = [escape_controls(name.rstrip()), wrap(finding.found, first=margin, margin=margin)]
    if finding.advice:
        lines.append(wrap(finding.advice, first=f"{margin}-> ", margin=f"{margin}   "))
    status = paint(f"{finding.status:{_STATUS}}", _COLORS[finding.status])
    # Painted last, since escape sequences have a length and no width.
    return status + "\n".join(lines)[_STATUS:]


def _summary(findings: "list[Finding]") -> str:
    bad = sum(finding.status == "bad" for finding in findings)
    warnings = sum(finding.status == "warning" for finding in findings)
    parts = [paint(f"{bad} bad", "red")] if bad else []
    if warnings:
        parts.append(paint(f"{warnings} warning{'s' if warnings > 1 else ''}", "yellow"))
    return ", ".join(parts) or paint("all good", "green")
