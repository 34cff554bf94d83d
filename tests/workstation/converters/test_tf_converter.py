"""Models converted by TensorFlow, on the device runtimes and in third-party programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from converters import conversion, schemes
from converters.calibration_set import draw_calibration_set
from converters.conversion import Converted
from mnist_edge.data.mnist import Mnist
from mnist_edge.modelstore.loading import SCHEMES
from mnist_edge.modelstore.manifest import LABELS
from mnist_edge.runtimes.sandbox import run_sandboxed
from tests.support.peers import run_on_litert, run_peer


@pytest.fixture(scope="module")
def colour_nano(nano: Path, small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nano converted for color pictures, as MediaPipe needs it."""
    prepared = conversion.prepare(nano / "model.keras", small_mnist)
    (made,) = conversion.convert_each(
        prepared,
        tmp_path_factory.mktemp("rgb"),
        schemes.find_schemes(["int8"], color=schemes.RGB),
        calibration=draw_calibration_set(small_mnist),
    )
    assert isinstance(made, Converted)
    assert made.path.name == "int8-rgb-uint8.tflite"
    return made.path


@pytest.mark.slow
def test_ai_edge_litert_gives_the_logits_of_tflite_runtime(nano: Path, small_mnist: Mnist) -> None:
    digits = small_mnist.validation.images
    models = [nano / f"{scheme}.tflite" for scheme in SCHEMES]
    for model, theirs in zip(models, run_on_litert(models, digits), strict=True):
        ours = run_sandboxed(model.read_bytes(), digits, name=model.stem)
        assert ours.runtime.startswith("tflite-runtime")
        # Integers may end up two steps apart. Each runtime measures a dynamic model's activations
        # in its own way, where logits reach beyond 20.
        bound = 2.01 * ours.output.scale or (0.1 if model.stem == "dynamic" else 1e-4)
        assert np.abs(theirs - ours.logits).max() <= bound
        # Between digits that are so near to each other either answer is right.
        second, first = np.sort(ours.logits, axis=1)[:, -2:].T
        clear = first - second > 2 * bound
        assert clear.mean() > 0.99
        answers, same = (logits.argmax(axis=1) for logits in (theirs, ours.logits))
        assert np.array_equal(answers[clear], same[clear])


@pytest.mark.slow
def test_mediapipe_reads_the_digit_in_a_color_picture(
    nano: Path, colour_nano: Path, small_mnist: Mnist, tmp_path: Path
) -> None:
    # Each digit is orange, with the one before it in blue beneath: whoever takes blue for red
    # sees the other.
    digits = small_mnist.validation.images[:50]
    green = (digits * 0.3).astype(np.uint8)
    colour = np.stack([digits, green, np.roll(digits, 1, axis=0)], axis=-1)
    pictures = [tmp_path / f"{index}.png" for index in range(len(digits))]
    for pixels, picture in zip(colour, pictures, strict=True):
        Image.fromarray(pixels).save(picture)
    grey = np.stack([np.asarray(Image.fromarray(pixels).convert("L")) for pixels in colour])
    nanos = run_sandboxed((nano / "int8.tflite").read_bytes(), grey, name="nano").logits
    labels = json.loads(run_peer("classify.py", colour_nano, *pictures))
    # Of two digits over each other some are no digit to it, and no answer is likelier.
    first, second = np.sort(nanos, axis=1)[:, :-3:-1].T
    clear = np.flatnonzero(first - second > 1)
    assert len(clear) >= 15
    assert [labels[i][0] for i in clear] == [LABELS[digit] for digit in nanos[clear].argmax(axis=1)]
    assert all(sorted(ranked) == sorted(LABELS) for ranked in labels)


@pytest.mark.slow
def test_mediapipe_finds_the_labels_and_the_normalization(colour_nano: Path) -> None:
    found: dict[str, Any] = json.loads(run_peer("describe.py", colour_nano))
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
