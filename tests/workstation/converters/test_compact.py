from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import loader, schemes, tf_converter
from converters.compact import compact, parse_model, serialize_model
from converters.metadata import Metadata, add_metadata
from converters.operators import read_operators
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import InvalidModel
from mnist_edge.modelstore import SCHEMES
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.training.frameworks import import_tensorflow

GREY = Metadata(name="nano", color_space="grayscale", input_range=(-128, 127))


@pytest.fixture(scope="module")
def originals(nano: Path, small_mnist: Mnist) -> dict[str, bytes]:
    """The shipped model in each scheme, as TensorFlow writes it."""
    network = loader.load_trained_model(
        nano / "model.keras", small_mnist.validation.images[:1]
    ).network
    calibration = small_mnist.train.images[:100]
    return {
        name: tf_converter.to_tflite(network, RAW_PIXELS, make(), calibration)
        for name, make in schemes.SCHEMES.items()
    }


@pytest.fixture(params=SCHEMES)
def original(request: pytest.FixtureRequest, originals: dict[str, bytes]) -> bytes:
    return originals[request.param]


def _model(content: bytes) -> Any:
    """Parse a flatbuffer; its arrays are views of the bytes."""
    import_tensorflow()
    from tensorflow.lite.python.schema_py_generated import Model

    return Model.GetRootAs(content, 0)


def _places(content: bytes, arrays: list[NDArray[Any]]) -> list[int]:
    """Return the offset of each array."""
    start = np.frombuffer(content, np.uint8).ctypes.data
    return [array.ctypes.data - start for array in arrays]


def _data(content: bytes) -> list[NDArray[Any]]:
    """Return the contents of every buffer that is not empty."""
    model = _model(content)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    return [buffer.DataAsNumpy() for buffer in buffers if buffer.DataLength()]


def _tensors(content: bytes) -> list[Any]:
    graph = _model(content).Subgraphs(0)
    return [graph.Tensors(index) for index in range(graph.TensorsLength())]


def _names(content: bytes) -> list[bytes]:
    return [tensor.Name() for tensor in _tensors(content)]


@pytest.mark.slow
def test_a_compact_model_gives_the_same_logits(original: bytes, small_mnist: Mnist) -> None:
    slimmed = compact(original)
    assert len(slimmed) < len(original) - 1_000
    digits = small_mnist.validation.images[:200]
    before, after = (run_sandboxed(one, digits, name="nano") for one in (original, slimmed))
    assert (before.input, before.output) == (after.input, after.output)
    assert np.array_equal(before.logits, after.logits)


def test_compacting_changes_no_operator_and_no_constant(original: bytes) -> None:
    slimmed = compact(original)
    before, after = (
        [(one.name, one.version, one.inputs, one.outputs, one.weights) for one in operators]
        for operators in (read_operators(original), read_operators(slimmed))
    )
    assert before == after
    for one, other in zip(_data(original), _data(slimmed), strict=True):
        assert np.array_equal(one, other)


def test_compacting_is_idempotent(original: bytes) -> None:
    slimmed = compact(original)
    assert compact(slimmed) == slimmed


def test_data_begins_at_a_multiple_of_16_bytes(original: bytes, nano: Path) -> None:
    slimmed = compact(original)
    shipped = [(nano / f"{scheme}.tflite").read_bytes() for scheme in SCHEMES]
    for content in (slimmed, add_metadata(slimmed, GREY), *shipped):
        places = _places(content, _data(content))
        assert len(places) > 4
        assert not any(place % 16 for place in places)


def test_equal_buffers_are_stored_once(original: bytes) -> None:
    slimmed = compact(original)
    for content in (slimmed, add_metadata(slimmed, GREY)):
        tensors = _tensors(content)
        quantized = [one.Quantization() for one in tensors if one.Quantization()]
        vectors = [
            *(one.ShapeAsNumpy() for one in tensors if one.ShapeLength()),
            *(one.ScaleAsNumpy() for one in quantized if one.ScaleLength()),
            *(one.ZeroPointAsNumpy() for one in quantized if one.ZeroPointLength()),
        ]
        places = _places(content, vectors)
        values = [(vector.dtype, vector.tobytes()) for vector in vectors]
        assert len(set(values)) == len(set(places)) < len(vectors)


def test_only_input_and_output_tensors_keep_their_names(original: bytes) -> None:
    graph = _model(original).Subgraphs(0)
    ends = {graph.Inputs(0), graph.Outputs(0)}
    slimmed = compact(original)
    for content in (slimmed, add_metadata(slimmed, GREY)):
        for index, (before, after) in enumerate(
            zip(_names(original), _names(content), strict=True)
        ):
            assert after == (before if index in ends else b"")
    assert all(_names(slimmed)[end] for end in ends)


def test_a_tensor_of_a_signature_keeps_its_name(originals: dict[str, bytes]) -> None:
    import_tensorflow()
    from tensorflow.lite.python.schema_py_generated import SignatureDefT, TensorMapT

    model = parse_model(originals["int8"])
    (graph,) = model.subgraphs
    digit, inner, logits = graph.inputs[0], graph.operators[2].outputs[0], graph.outputs[0]
    signature = SignatureDefT(
        inputs=[TensorMapT(name="digit", tensorIndex=digit)],
        outputs=[
            TensorMapT(name="inner", tensorIndex=inner),
            TensorMapT(name="logits", tensorIndex=logits),
        ],
        signatureKey="serving_default",
    )
    model.signatureDefs = [signature]
    signed = serialize_model(model)
    before, after = _names(signed), _names(compact(signed))
    assert {index for index, name in enumerate(after) if name} == {digit, inner, logits}
    assert after[inner] == before[inner]
    (kept,) = parse_model(compact(signed)).signatureDefs
    assert kept.signatureKey == b"serving_default"
    assert [one.name for one in kept.outputs] == [b"inner", b"logits"]


def test_a_file_that_cannot_be_compacted_is_refused(nano: Path) -> None:
    with pytest.raises(InvalidModel, match="not a TFLite model"):
        compact(b"not a model")
    # Its labels lie behind the flatbuffer.
    with pytest.raises(InvalidModel, match="has TFLite Metadata already"):
        compact((nano / "int8.tflite").read_bytes())
