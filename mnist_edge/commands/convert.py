"""``mnist-edge convert``: quantizes a Keras model to TFLite."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import GATE_FAILED, fail, note, warn
from mnist_edge.commands.conversion_text import conversion_table, explain_table
from mnist_edge.commands.options import (
    DataOption,
    MaxDropOption,
    PixelsOption,
    complete_list,
    complete_models,
    list_option,
    max_drop_point_option,
    out_option,
)
from mnist_edge.commands.parsing import split_list
from mnist_edge.errors import ConversionError, InvalidValue
from mnist_edge.modelstore import DEFAULT_MODEL, SCHEMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from converters.accuracy_gate import AccuracyGate
    from converters.conversion import Converted, Prepared
    from converters.schemes import Scheme
    from mnist_edge.data.mnist import Digits

EXAMPLES = """
mnist-edge convert runs/nano --quantize int8,float32
mnist-edge convert my.h5 --out my-model --explain
mnist-edge convert runs/nano --emit c --max-drop 0.5
"""
RENAMED = {"--rescue": "--recover"}


class Emit(str, Enum):
    """Other forms that a model can be written in."""

    c = "c"
    tflm = "tflm"


def _complete_schemes(incomplete: str) -> list[str]:
    return complete_list(incomplete, [*SCHEMES, "all"])


def _complete_targets(incomplete: str) -> list[str]:
    from converters.operators import known_targets

    return complete_list(incomplete, known_targets())


def convert_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, a .keras or .h5 file, a SavedModel folder, or a shipped model.",
            autocompletion=complete_models,
        ),
    ] = DEFAULT_MODEL,
    quantize: Annotated[
        list[str] | None,
        list_option(
            "--quantize",
            "-q",
            metavar="SCHEME",
            description=f"Schemes: {', '.join(SCHEMES)}, or all",
            default="int8",
            completion=_complete_schemes,
        ),
    ] = None,
    pixels: PixelsOption = None,
    weights: Annotated[
        str,
        typer.Option(
            "--weights", metavar="SCALES", help="Weights' scales: per-channel or per-tensor."
        ),
    ] = "per-channel",
    io_dtype: Annotated[
        str | None,
        typer.Option(
            "--io",
            metavar="DTYPE",
            help="Type of input and output: int8, uint8, int16 or float32.",
            show_default="the scheme's own; uint8 for int8 of rgb",
        ),
    ] = None,
    colour: Annotated[
        str,
        typer.Option("--input", metavar="CHANNELS", help="grey, or rgb for MediaPipe and Android."),
    ] = "grey",
    calibration_images: Annotated[
        int | None,
        typer.Option(
            "--calibration-images",
            metavar="N",
            help="Training digits to calibrate on.",
            show_default="500",
        ),
    ] = None,
    calibration_seed: Annotated[
        int | None,
        typer.Option(
            "--calibration-seed",
            metavar="N",
            help="Seed they are drawn with.",
            show_default="1",
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--target",
            metavar="RUNTIME",
            help="Oldest runtime that must load the file.",
            autocompletion=_complete_targets,
        ),
    ] = "tflite-runtime==2.14.0",
    max_drop: MaxDropOption = None,
    max_drop_point: Annotated[
        float | None, max_drop_point_option(default="0.3, without --max-drop")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write a file that loses more all the same.")
    ] = False,
    recover: Annotated[
        bool,
        typer.Option("--recover", help="If it loses more, try other conversions of the model."),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the error that int8 adds in each layer.")
    ] = False,
    emit: Annotated[
        Emit | None,
        typer.Option(
            "--emit",
            metavar="FORM",
            help="Also write int8 as C: c, without an interpreter, or tflm, bytes for TFLM.",
        ),
    ] = None,
    data: DataOption = None,
    out: Annotated[
        Path | None, out_option(default="the model's folder, or one named after the file")
    ] = None,
) -> None:
    """Quantize a Keras model to TFLite, each file with its manifest.

    Takes what Keras 2 and 3 save, infers the model's pixel scaling, and writes
    files that take raw pixels. Every file is run on the TFLite runtime over the
    validation digits, in its own process, before it is written. Files of another
    network in the output folder are replaced or removed, with a warning, and so are
    reports and C sources whose model file is gone.
    """
    from converters import conversion, loader, operators, schemes, verify
    from converters.calibration_set import DEFAULT_COUNT, DEFAULT_SEED, draw_calibration_set
    from mnist_edge.data.mnist import load_mnist
    from mnist_edge.modelstore.loading import find_model_folder
    from mnist_edge.system.files import exists, require_writable
    from mnist_edge.training.frameworks import require_workstation

    chosen = schemes.find_schemes(
        split_list(quantize) or ["int8"], io_dtype=io_dtype, weights=weights, color=colour
    )
    operators.require_target(target)
    gate = _accuracy_gate(max_drop, max_drop_point)
    _require_sound(pixels=pixels, emit=emit, chosen=chosen)
    if not explain:
        _require_calibrated(
            chosen,
            {"--calibration-images": calibration_images, "--calibration-seed": calibration_seed},
        )
    path = Path(model)
    model_file = loader.find_model_file(path if exists(path) else find_model_folder(model))
    folder = out or loader.default_output_folder(model_file)
    require_workstation()
    # A folder that is named after the file is made with the first result.
    require_writable(folder if out or exists(folder) else folder.parent)
    mnist = load_mnist(data)
    calibrated_on = draw_calibration_set(
        mnist,
        count=DEFAULT_COUNT if calibration_images is None else calibration_images,
        seed=DEFAULT_SEED if calibration_seed is None else calibration_seed,
    )

    prepared = conversion.prepare(model_file, mnist, pixels=pixels)
    for finding in prepared.findings:
        note(finding)
    replacement = _replacement_warning(folder, prepared, [scheme.name for scheme in chosen])
    for warning in filter(None, (verify.runtime_mismatch(target), replacement)):
        warn(warning)
    if explain:
        typer.echo(_explained(prepared, calibrated_on.images, folder / "int8-explain.png"))
    made, status = [], 0
    for outcome in conversion.convert_each(
        prepared,
        folder,
        chosen,
        calibration=calibrated_on,
        target=target,
        gate=gate,
        recover=recover,
        keep=keep,
    ):
        if isinstance(outcome, ConversionError):
            fail(outcome)
            status = min(status or outcome.exit_code, outcome.exit_code)
            continue
        made.append(outcome)
        _note_conversion(outcome)
        if outcome.gate:
            status = status or GATE_FAILED
        if emit and outcome.manifest.scheme in _emitted_schemes(emit, chosen):
            note(_emit_c(outcome) if emit is Emit.c else _emit_tflm(outcome, mnist.validation))
    if made:
        _remove_leftovers(folder, prepared)
        typer.echo(conversion_table(made))
    raise typer.Exit(status)


def _replacement_warning(folder: Path, prepared: "Prepared", chosen: "Sequence[str]") -> str | None:
    """Say which files of other networks will be replaced or removed, if there are any."""
    from mnist_edge.modelstore.origin import schemes_of_other_networks

    others = schemes_of_other_networks(folder, prepared.origin)
    if not others:
        return None
    files = "; ".join(f"{scheme} from {origin}" for scheme, origin in others.items())
    fates = {
        "replaced": [scheme for scheme in others if scheme in chosen],
        "removed": [scheme for scheme in others if scheme not in chosen],
    }
    fate = " and ".join(
        f"{', '.join(names)} will be {verb}" for verb, names in fates.items() if names
    )
    return f"{folder} holds files of another network ({files}): {fate}; --out writes elsewhere"


def _remove_leftovers(folder: Path, prepared: "Prepared") -> None:
    """Remove files of other networks, and what was made from files that are gone."""
    from mnist_edge.modelstore.derived_files import remove_stale_files
    from mnist_edge.modelstore.origin import remove_schemes_of_other_networks

    for path in remove_schemes_of_other_networks(folder, prepared.origin):
        note(f"removed {path} and its manifest, which were of another network")
    if stale := remove_stale_files(folder):
        note(f"removed {', '.join(map(str, stale))}, made from files that are gone")


def _accuracy_gate(max_drop: float | None, max_drop_point: float | None) -> "AccuracyGate":
    from converters.accuracy_gate import DEFAULT_GATE, AccuracyGate

    if max_drop is None and max_drop_point is None:
        return DEFAULT_GATE
    return AccuracyGate(max_drop=max_drop, max_drop_point=max_drop_point)


def _require_sound(*, pixels: str | None, emit: Emit | None, chosen: "list[Scheme]") -> None:
    """Reject options that cannot be combined, before any work."""
    from mnist_edge.runtimes.input_scaling import find_input_scaling

    if pixels:
        find_input_scaling(pixels)
    if emit and not _emitted_schemes(emit, chosen):
        ends = "int8 or uint8" if emit is Emit.c else "int8"
        raise InvalidValue(
            f"--emit {emit.value} needs int8 with {ends} input and output; add: --quantize int8"
        )


def _require_calibrated(chosen: "list[Scheme]", options: "Mapping[str, int | None]") -> None:
    """Reject options of the calibration where nothing is calibrated."""
    if any(scheme.calibrated for scheme in chosen):
        return
    for name, value in options.items():
        if value is not None:
            schemes = ", ".join(scheme.name for scheme in chosen)
            raise InvalidValue(
                f"{name} changes nothing with {schemes}, which needs no calibration: leave it out"
            )


def _emitted_schemes(emit: Emit, chosen: "list[Scheme]") -> list[str]:
    """Return the names of the schemes that can be written in another form."""
    if emit is Emit.tflm:
        return [scheme.name for scheme in chosen if scheme.name == "int8"]
    return [
        scheme.name
        for scheme in chosen
        if scheme.base == "int8" and scheme.io_dtype in {"int8", "uint8"}
    ]


def _note_conversion(converted: "Converted") -> None:
    for trial in converted.tried:
        note(f"tried {trial}")
    note(f"wrote {converted.path}")
    if converted.gate:
        fail(f"{converted.path.name} was kept although {converted.gate}")


def _explained(prepared: "Prepared", calibration: "NDArray[np.uint8]", picture: Path) -> str:
    """Measure the error of each layer in int8, draw it, and return the table."""
    from converters.layer_error import measure_layer_errors, plot_layer_errors

    layers = measure_layer_errors(
        prepared.model.network,
        prepared.scaling,
        calibration=calibration,
        digits=prepared.mnist.validation.images,
    )
    plot_layer_errors(
        picture, layers, title=f"{prepared.model.recipe}: what int8 adds, layer by layer"
    )
    note(f"wrote {picture}")
    return explain_table(layers)


def _emit_c(converted: "Converted") -> str:
    """Write the model as standalone C, and say where."""
    from converters.c.source import generate
    from mnist_edge.system.files import write_text

    source = generate(converted.content, converted.manifest)
    folder = converted.path.parent / "c"
    for name, text in source.files.items():
        write_text(folder / name, text)
    return f"wrote {folder}: {', '.join(source.files)} ({source.workspace:,} bytes of RAM)"


def _emit_tflm(converted: "Converted", digits: "Digits") -> str:
    """Write the model for TFLM, and return its result there."""
    from converters import c_source, microcontroller
    from mnist_edge.errors import MissingDependency
    from mnist_edge.system.files import write_text

    golden = c_source.golden_vectors(converted.content, digits)
    try:
        micro = microcontroller.run(converted.content, golden.inputs)
        outcome = f"{micro.arena_bytes:,} bytes of arena on {micro.version}"
    except MissingDependency as error:
        micro, outcome = None, f"not run on a microcontroller's interpreter: {error}"
    texts = c_source.c_source(converted.content, converted.manifest, golden, micro=micro)
    folder = converted.path.parent
    for name, text in texts.items():
        write_text(folder / name, text)
    return f"wrote {folder / 'model.h'} and model.c ({outcome})"
