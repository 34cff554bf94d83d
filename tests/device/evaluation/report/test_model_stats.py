"""Parameters, operations and memory of a model file."""

from __future__ import annotations

from pathlib import Path

from mnist_edge.evaluation.report import results
from mnist_edge.evaluation.report.model_stats import read_model_stats, structure_warning
from mnist_edge.modelstore import SCHEMES
from mnist_edge.modelstore.loading import StoredModel, load_model
from tests.support.paths import ROOT


def test_parameters_and_operations_of_a_file_are_counted(nano: Path) -> None:
    found = {
        scheme: read_model_stats((nano / f"{scheme}.tflite").read_bytes()) for scheme in SCHEMES
    }
    # Every scheme has the same network, whatever its numbers are kept in.
    assert {one.parameters for one in found.values()} == {10_826}
    convolutions = 14 * 14 * (8 * 25 + 16 * 9 * 8) + 7 * 7 * 4 * (16 * 9 * 16)
    assert {one.multiply_adds for one in found.values()} == {convolutions + 160}
    assert found["int8"].operators == (
        results.OperatorCount(name="CONV_2D", version=3, count=6),
        results.OperatorCount(name="FULLY_CONNECTED", version=4, count=1),
        results.OperatorCount(name="MAX_POOL_2D", version=2, count=1),
        results.OperatorCount(name="MEAN", version=2, count=1),
    )
    halved = {one.name: (one.version, one.count) for one in found["float16"].operators}
    assert halved["DEQUANTIZE"] == (3, 14)


def test_depthwise_filters_are_counted_by_channel(tiny: Path) -> None:
    found = read_model_stats((tiny / "operators-depthwise.tflite").read_bytes())
    # 3x3 to 4 channels, 3x3 to 8, 2x2 of those 8, then 72 to 10; each with its biases.
    weights = 9 * 4 + 9 * 8 + 4 * 8 + 72 * 10
    assert found.parameters == weights + 4 + 8 + 8 + 10
    assert found.multiply_adds == 13 * 13 * 4 * 9 + 13 * 13 * 8 * 9 + 6 * 6 * 8 * 4 + 720


def test_the_arena_holds_what_the_widest_operator_reads_and_writes(nano: Path, tiny: Path) -> None:
    found = {
        scheme: read_model_stats((nano / f"{scheme}.tflite").read_bytes()).arena
        for scheme in SCHEMES
    }
    # The second convolution: 8 maps in, 16 out. Weights take no part, whatever they are kept in.
    widest = 14 * 14 * (8 + 16)
    assert found == {
        "int8": widest,
        "int16x8": 2 * widest,
        "float16": 4 * widest,
        "dynamic": 4 * widest,
        "float32": 4 * widest,
    }
    depthwise = read_model_stats((tiny / "operators-depthwise.tflite").read_bytes())
    assert depthwise.arena == 13 * 13 * (4 + 8)
    # A reshape makes nothing anew.
    assert read_model_stats((tiny / "flat.tflite").read_bytes()).arena == 4 * (28 * 28 + 4)


def test_the_pixel_scale_is_not_a_parameter(nano: Path) -> None:
    folder = nano.parent / "mlp-dropout"
    # 784 to 128 to 10; the file begins with a multiplication by 1/255.
    found = read_model_stats((folder / "int8.tflite").read_bytes())
    assert found.parameters == 784 * 128 + 128 + 128 * 10 + 10


def test_files_of_different_networks_are_told_apart_without_manifests() -> None:
    def bare(name: str, scheme: str) -> StoredModel:
        model = load_model(ROOT / "models" / name, scheme=scheme)
        return StoredModel(path=model.path, content=model.content, manifest=None)

    assert structure_warning([bare("nano", scheme) for scheme in SCHEMES]) is None
    said = structure_warning([bare("nano", "float32"), bare("micro", "int8")])
    assert said is not None
    assert "(float32.tflite 716,736, int8.tflite 211,920)" in said
    # Manifests tell more.
    listed = load_model(ROOT / "models" / "nano", scheme="float32")
    assert structure_warning([listed, bare("micro", "int8")]) is None
