"""``mnist-edge doctor``: whether this machine can read pictures, and what to do where it cannot.

``--json`` writes one object, whose fields stay as they are::

    {"version": "0.1.0", "status": "warning", "findings": [
      {"name": "cpu", "status": "good", "found": "Cortex-A72, aarch64, 64-bit Python, asimd",
       "advice": null, "facts": {"architecture": "aarch64", ...}}, ...]}

``version`` is mnist-edge's; ``status`` is the worst of the findings', one of good, warning and bad.
``found`` and ``advice`` are for people and may be worded otherwise another day. A finding that does
not apply to the machine is left out, and a fact that is not known is null. By name, the facts are:

board               model
cpu                 architecture, name, features, kernel_bits, python_bits
libc                name, version
python              version, executable
memory              total_bytes, available_bytes
temperature         celsius
throttling          now, since_start: of under-voltage, frequency capped, throttled and soft
                    temperature limit those that are and were so
numpy               version, abi: the number of its binary interface
pillow              version
runtime             none: the runtime that was chosen is not to be had
tflite-runtime, ai-edge-litert, numpy-runtime
                    version, in_use, import_seconds
model NAME          sha256: of each file by its scheme
self-test NAME      runtime; steps: of each golden vector the largest difference; allowed
speed NAME          runtime; microseconds: the median time of one digit, pixels to logits, with
                    the default model
"""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import RuntimeOption

if TYPE_CHECKING:
    from mnist_edge.device.doctor.finding import Finding

_WIDTH = 80
_STATUS, _NAME = 7, 21
"""Columns of a finding's status and name."""


def doctor_command(
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON object for programs.")
    ] = False,
    runtime: RuntimeOption = None,
) -> None:
    """Look whether this machine can read pictures.

    Board, processor, memory, heat, packages, runtimes, the shipped models and
    their answers: each is good, a warning, or bad, with what to do. The exit
    status is 1 where anything is bad. What may crash is tried in a process of
    its own.
    """
    from mnist_edge import __version__
    from mnist_edge.device.doctor.finding import worst
    from mnist_edge.device.doctor.host import examine_host
    from mnist_edge.device.doctor.software import examine_software

    findings = itertools.chain(examine_host(), examine_software())
    if as_json:
        found = list(findings)
        document = {
            "version": __version__,
            "status": worst(found),
            "findings": [asdict(finding) for finding in found],
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        found = _written(findings)
        typer.echo(_verdict(found))
    if worst(found) == "bad":
        raise typer.Exit(1)


def _written(findings: Iterable[Finding]) -> list[Finding]:
    """Writes findings as they come, which takes seconds on a small board."""
    written = []
    for finding in findings:
        written.append(finding)
        typer.echo(_lines(finding))
    return written


def _lines(finding: Finding) -> str:
    """A finding, with what to do below it, within 80 columns."""
    margin = " " * (_STATUS + _NAME + 2)
    first = f"{finding.status:{_STATUS}} "
    lines = [_wrapped(finding.found, f"{first}{finding.name:{_NAME}} ", margin)]
    if finding.advice:
        lines.append(_wrapped(finding.advice, f"{margin}-> ", f"{margin}   "))
    return "\n".join(lines)


def _wrapped(text: str, first: str, margin: str) -> str:
    # A hash or a path that is longer than a line is left whole, for copying.
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _verdict(findings: list[Finding]) -> str:
    bad = sum(finding.status == "bad" for finding in findings)
    warnings = sum(finding.status == "warning" for finding in findings)
    said = [f"{bad} bad"] if bad else []
    said += [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
    return ", ".join(said) or "all good"
