from __future__ import annotations

from pathlib import Path

import pytest

from converters import schemes
from converters.accuracy_gate import AccuracyGate
from converters.conversion import Prepared
from mnist_edge import modelstore
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.modelstore import loading
from tests.support.conversions import DROP_BOUND, convert_all


@pytest.mark.slow
@pytest.mark.parametrize("weights", [schemes.PER_CHANNEL, schemes.PER_TENSOR])
@pytest.mark.parametrize("io_dtype", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("color", [schemes.GRAY, schemes.RGB])
def test_int8_has_every_io_dtype_and_granularity(
    weights: str, io_dtype: str, color: str, prepared: Prepared, tmp_path: Path
) -> None:
    chosen = schemes.find_schemes(["int8"], io_dtype=io_dtype, weights=weights, color=color)
    (converted,) = convert_all(
        prepared, tmp_path, chosen, gate=AccuracyGate(max_drop_point=DROP_BOUND)
    )
    manifest = loading.load_model(converted.path).manifest
    assert manifest is not None
    assert manifest.input.dtype == manifest.output.dtype == io_dtype
    assert manifest.input.shape == (1, 28, 28, 3 if color == schemes.RGB else 1)
    assert (manifest.scheme == "int8") == (
        (weights, io_dtype, color) == (schemes.PER_CHANNEL, "int8", schemes.GRAY)
    )
    scales = _weight_scales(converted.content)
    assert all((count > 1) == (weights == schemes.PER_CHANNEL) for count in scales)


def _weight_scales(content: bytes) -> list[int]:
    """Return the number of weight scales of each convolution and dense layer."""
    from tensorflow.lite.tools import flatbuffer_utils

    (graph,) = flatbuffer_utils.convert_bytearray_to_object(bytearray(content)).subgraphs
    tensors = [
        graph.tensors[operator.inputs[1]]
        for operator in graph.operators
        if len(operator.inputs) == 3
    ]
    return [len(tensor.quantization.scale) for tensor in tensors if tensor.shape[0] > 1]


def test_a_setting_that_a_scheme_lacks_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"int16x8 has no input and output type 'uint8'.*int16"):
        schemes.find_schemes(["int16x8"], io_dtype="uint8")
    with pytest.raises(InvalidValue, match=r"granularity of weights 'coarse'.*per-tensor"):
        schemes.find_schemes(["int8"], weights="coarse")
    with pytest.raises(InvalidValue, match="no input 'cmyk': choose one of grey, rgb"):
        schemes.find_schemes(["int8"], color="cmyk")


def test_schemes_have_a_fixed_order() -> None:
    assert [s.name for s in schemes.find_schemes(["int8", "float32"])] == ["float32", "int8"]
    assert [s.name for s in schemes.find_schemes(["all"])] == list(schemes.SCHEMES)
    assert tuple(schemes.SCHEMES) == modelstore.SCHEMES
    assert all(make().name == name for name, make in schemes.SCHEMES.items())
    with pytest.raises(UnknownName, match="choose one of float32"):
        schemes.find_schemes(["int4"])
