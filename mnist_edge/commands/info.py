"""``mnist-edge info``: compares a model's manifest with what the runtime reports."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import format_facts, format_table
from mnist_edge.commands.options import (
    DocumentFormat,
    ModelArgument,
    RuntimeOption,
    complete_schemes,
    format_option,
)
from mnist_edge.system.text import escape_controls, percent

if TYPE_CHECKING:
    from mnist_edge.modelstore.manifest import ModelManifest, Score, TensorSpec
    from mnist_edge.runtimes.scaling_ranking import ScalingRanking

EXAMPLES = """
mnist-edge info
mnist-edge info edge --scheme float32
mnist-edge info somebody-elses.tflite --format json
"""


def info_command(
    model: ModelArgument = None,
    scheme: Annotated[
        str | None,
        typer.Option(
            "--scheme",
            metavar="SCHEME",
            help="Scheme to show, of those in a model folder.",
            show_default="int8, or an installed model's own",
            autocompletion=complete_schemes,
        ),
    ] = None,
    output: Annotated[DocumentFormat, format_option(DocumentFormat)] = DocumentFormat.text,
    runtime: RuntimeOption = None,
) -> None:
    """Compare a model's manifest with the model itself.

    Shows input, output and provenance; the exit status is 1 if what the manifest
    promises and what the runtime reports differ. A model without a manifest is
    tried with every pixel scaling that its input can hold, and if it has several
    signatures, the one that reads digits is shown.
    """
    from mnist_edge.modelstore.loading import load_model
    from mnist_edge.runtimes import unverified
    from mnist_edge.runtimes.sandbox import NO_DIGITS, open_model, run_sandboxed

    stored = load_model(model, scheme=scheme)
    trial = run_sandboxed(stored.content, NO_DIGITS, name=str(stored.path))
    manifest = stored.manifest
    judgement, signature = None, None
    if manifest is None:
        interpreter = open_model(stored)
        judgement = unverified.rank_supported_scalings(interpreter)
        signature = interpreter.signature
    kept = manifest is None or (manifest.input, manifest.output) == (trial.input, trial.output)
    if output is DocumentFormat.json:
        document = {
            "path": str(stored.path),
            "size": len(stored.content),
            "manifest": dataclasses.asdict(manifest) if manifest else None,
            "found": {
                "runtime": trial.runtime,
                "input": dataclasses.asdict(trial.input),
                "output": dataclasses.asdict(trial.output),
            },
            "agree": kept,
            "signature": signature,
            "readings": [
                {
                    "pixels": one.scaling.name,
                    "log_loss": round(one.log_loss, 4),
                    "temperature": round(one.temperature, 4),
                    "accuracy": round(one.accuracy, 4),
                }
                for one in (judgement.ranked if judgement else ())
            ],
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        typer.echo(f"{escape_controls(str(stored.path))} ({len(stored.content):,} bytes)")
        found = {"input": trial.input, "output": trial.output}
        typer.echo(_comparison(manifest, found, trial.runtime))
        if manifest:
            typer.echo(_provenance(manifest))
        else:
            typer.echo(f"\nno manifest: {escape_controls(stored.path.name)} cannot be verified")
        if signature is not None:
            typer.echo(f"reads digits by its signature {escape_controls(signature)!r}")
        if judgement:
            typer.echo(_readings(judgement))
    if not kept:
        raise typer.Exit(1)


def _comparison(
    manifest: "ModelManifest | None", found: "dict[str, TensorSpec]", runtime: str
) -> str:
    rows = []
    for end, spec in found.items():
        promised = getattr(manifest, end) if manifest else None
        for field in dataclasses.fields(spec):
            value = str(getattr(spec, field.name))
            promise = str(getattr(promised, field.name)) if promised else "no manifest"
            mark = "" if promise == value or not promised else "  DIFFERS"
            rows.append([f"{end} {field.name.replace('_', ' ')}", promise, value + mark])
    return format_table(["", "promised", f"found by {runtime}"], rows)


def _readings(judgement: "ScalingRanking") -> str:
    """Format how well the model reads validation digits with each pixel scaling."""
    rows = [
        [
            one.scaling.name,
            f"{one.log_loss:.3f}",
            f"{one.temperature:.3g}",
            percent(one.accuracy, 1),
        ]
        for one in judgement.ranked
    ]
    return format_table(
        ["pixel scaling (--pixels)", "log-loss", "at temperature", "accuracy"], rows
    )


def _provenance(manifest: "ModelManifest") -> str:
    calibration = manifest.calibration
    facts = {
        "scheme": manifest.scheme,
        "recipe": manifest.recipe + ("" if manifest.seed is None else f", seed {manifest.seed}"),
        "pixels": f"{manifest.pixels.polarity}, "
        f"{manifest.pixels.minimum}..{manifest.pixels.maximum}",
        **({"comes": str(manifest.lineage)} if manifest.lineage else {}),
        "trained on": manifest.reading,
        "sha256": f"{manifest.sha256} (verified)",
        "calibrated on": f"{calibration.count} training digits, seed {calibration.seed}"
        if calibration
        else "nothing",
        "validation": _score(manifest.validation),
        "validation, Keras": _score(manifest.validation_float),
        "confidence": _confidence(manifest),
        "test": _score(manifest.test) if manifest.test else "not measured: mnist-edge report",
        "made with": ", ".join(f"{name} {v}" for name, v in manifest.toolchain.items()),
        "oldest runtime": manifest.oldest_runtime,
    }
    return format_facts(facts)


def _confidence(manifest: "ModelManifest") -> str:
    found = manifest.calibration_error
    error = "not measured" if found is None else f"{percent(found)} on validation"
    return (
        f"temperature {manifest.temperature:.4g}, calibration error {error}, "
        f"abstains below {percent(manifest.min_confidence, 1)}{_points(manifest)}"
    )


def _points(manifest: "ModelManifest") -> str:
    points = manifest.operating_points
    if points is None:
        return ""
    return f" (balanced {percent(points.balanced, 1)}, careful {percent(points.careful, 1)})"


def _score(score: "Score") -> str:
    return f"{percent(score.accuracy)} of {score.total:,} on {score.runtime}"
