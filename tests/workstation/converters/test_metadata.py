from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from converters import conversion, loader, schemes, tf_converter
from converters.calibration_set import draw_calibration_set
from converters.compact import compact
from converters.conversion import Converted
from converters.metadata import Metadata, add_metadata
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import InvalidModel
from mnist_edge.modelstore import SCHEMES
from mnist_edge.modelstore.manifest import LABELS
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.runtimes.sandbox import run_sandboxed
from tests.support.peers import run_peer

GREY = Metadata(name="nano", color_space="grayscale", input_range=(-128, 127))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_metadata_is_small_and_keeps_the_logits(
    scheme: str, nano: Path, small_mnist: Mnist
) -> None:
    network = loader.load_trained_model(
        nano / "model.keras", small_mnist.validation.images[:1]
    ).network
    plain = compact(
        tf_converter.to_tflite(
            network, RAW_PIXELS, schemes.SCHEMES[scheme](), small_mnist.train.images[:50]
        )
    )
    described = add_metadata(plain, GREY)
    assert described == add_metadata(plain, GREY)
    assert len(described) - len(plain) <= 600 + 16  # the flatbuffer is of whole sixteens
    digits = small_mnist.validation.images[:100]
    before, after = (run_sandboxed(content, digits, name=scheme) for content in (plain, described))
    assert (before.input, before.output) == (after.input, after.output)
    assert np.array_equal(before.logits, after.logits)


def test_a_file_that_cannot_take_metadata_is_refused(nano: Path) -> None:
    with pytest.raises(InvalidModel, match="already"):
        add_metadata((nano / "int8.tflite").read_bytes(), GREY)
    with pytest.raises(InvalidModel, match="not a TFLite model"):
        add_metadata(b"not a model", GREY)


@pytest.fixture(scope="module")
def color_nano(nano: Path, small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nano converted for color pictures, as MediaPipe needs it."""
    prepared = conversion.prepare(nano / "model.keras", small_mnist)
    (converted,) = conversion.convert_each(
        prepared,
        tmp_path_factory.mktemp("rgb"),
        schemes.find_schemes(["int8"], color=schemes.RGB),
        calibration=draw_calibration_set(small_mnist),
    )
    assert isinstance(converted, Converted)
    assert converted.path.name == "int8-rgb-uint8.tflite"
    return converted.path


@pytest.mark.slow
def test_mediapipe_reads_the_digit_in_a_color_picture(
    nano: Path, color_nano: Path, small_mnist: Mnist, tmp_path: Path
) -> None:
    # Each digit is orange, with the one before it in blue beneath: whoever takes blue for red
    # sees the other.
    digits = small_mnist.validation.images[:50]
    green = (digits * 0.3).astype(np.uint8)
    color = np.stack([digits, green, np.roll(digits, 1, axis=0)], axis=-1)
    pictures = [tmp_path / f"{index}.png" for index in range(len(digits))]
    for pixels, picture in zip(color, pictures, strict=True):
        Image.fromarray(pixels).save(picture)
    gray = np.stack([np.asarray(Image.fromarray(pixels).convert("L")) for pixels in color])
    nanos = run_sandboxed((nano / "int8.tflite").read_bytes(), gray, name="nano").logits
    labels = json.loads(run_peer("classify.py", color_nano, *pictures))
    # Some overlapping digits are ambiguous, without a clear answer.
    first, second = np.sort(nanos, axis=1)[:, :-3:-1].T
    clear = np.flatnonzero(first - second > 1)
    assert len(clear) >= 15
    assert [labels[i][0] for i in clear] == [LABELS[digit] for digit in nanos[clear].argmax(axis=1)]
    assert all(sorted(ranked) == sorted(LABELS) for ranked in labels)


@pytest.mark.slow
def test_mediapipe_finds_the_labels_and_the_normalization(color_nano: Path) -> None:
    found: dict[str, Any] = json.loads(run_peer("describe.py", color_nano))
    assert found["files"] == {"labels.txt": "\n".join(LABELS)}
    described = found["metadata"]
    (graph,) = described["subgraph_metadata"]
    (picture,), (logits,) = graph["input_tensor_metadata"], graph["output_tensor_metadata"]
    assert described["name"] == "nano int8-rgb-uint8"
    assert described["description"] == "Reads one handwritten digit, 0 to 9"
    assert described["min_parser_version"] == "1.0.0"
    assert picture["description"].startswith("White ink on black, as in MNIST")
    assert picture["content"]["content_properties"] == {"color_space": "RGB"}
    assert picture["process_units"] == [
        {"options_type": "NormalizationOptions", "options": {"mean": [0.0], "std": [1.0]}}
    ]
    assert picture["stats"] == {"max": [255.0], "min": [0.0]}
    assert logits["name"] == "logits"
    assert logits["associated_files"] == [{"name": "labels.txt", "type": "TENSOR_AXIS_LABELS"}]
