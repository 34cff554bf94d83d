"""Third-party models: recurrent layers, activations without int8 kernels, damaged archives."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import conversion, formats
from converters.conversion import Converted
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError, MnistEdgeError, ModelError
from mnist_edge.training.frameworks import import_tensorflow
from tests.support.brought_models import activated, convert
from tests.support.foreign_models import keras_3, save, without_warnings


def _recurrent(kind: str) -> Any:
    layers = keras_3().layers
    return {
        "lstm": lambda: layers.LSTM(4),
        "gru": lambda: layers.GRU(4),
        "simple": lambda: layers.SimpleRNN(4),
        "bidirectional": lambda: layers.Bidirectional(layers.LSTM(2)),
        "cells": lambda: layers.RNN([layers.LSTMCell(4), layers.GRUCell(4)]),
        "stateful": lambda: layers.LSTM(4, stateful=True),
    }[kind]()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lstm", "gru", "simple", "bidirectional", "cells", "stateful"])
def test_a_recurrent_network_is_unrolled_to_the_same_logits(
    kind: str, few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    model = keras.Sequential(
        [
            keras.Input((28, 28), batch_size=4 if kind == "stateful" else None),
            _recurrent(kind),
            keras.layers.Dense(10),
        ]
    )
    path = save(model, tmp_path / "recurrent.keras")
    own = model(few.validation.images[:4] / np.float32(255), training=False)
    prepared = conversion.prepare(path, few, pixels="pixels/255")
    np.testing.assert_allclose(prepared.reference[:4], own, atol=1e-5)
    assert prepared.model.network.batch is None


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(None, None, 1), (None, 28)])
def test_a_network_that_takes_any_size_is_converted_for_digits(
    shape: tuple[int | None, ...], few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    layers = keras.layers
    inner = [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()]
    if len(shape) == 2:
        inner = [layers.SimpleRNN(4)]
    model = keras.Sequential([keras.Input(shape), *inner, layers.Dense(10)])
    path = save(model, tmp_path / "any.keras")
    own = model(few.validation.images[:4] / np.float32(255), training=False)
    prepared = conversion.prepare(path, few, pixels="pixels/255")
    np.testing.assert_allclose(prepared.reference[:4], own, atol=1e-5)
    assert math.prod(prepared.model.network.shape) == 28 * 28


def test_a_size_that_no_digit_has_is_refused_with_what_to_do(few: Mnist, tmp_path: Path) -> None:
    keras = keras_3()
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.GRU(2), keras.layers.Dense(10)])
    with pytest.raises(MnistEdgeError, match=r"\(None, 3\), expected .*; if it can read a gray"):
        conversion.prepare(save(model, tmp_path / "wide.keras"), few, pixels="pixels/255")


@pytest.mark.slow
def test_a_recurrent_network_is_quantized_to_int8(few: Mnist, tmp_path: Path) -> None:
    keras = keras_3()
    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.SimpleRNN(16), keras.layers.Dense(10)]
    )
    path = save(model, tmp_path / "recurrent.keras")
    converted = convert(conversion.prepare(path, few, pixels="pixels/255"), tmp_path)
    assert isinstance(converted, Converted), converted


@pytest.mark.slow
def test_a_loop_that_cannot_be_unrolled_is_refused_in_one_line(few: Mnist, tmp_path: Path) -> None:
    keras = keras_3()
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.GRU(4), keras.layers.Dense(10)])
    with without_warnings():
        model.export(tmp_path / "saved", verbose=False)
    with pytest.raises(MnistEdgeError, match="unroll=True") as caught:
        conversion.prepare(tmp_path / "saved", few)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("activation", "scheme", "operator"),
    [
        ("softsign", "int8", "DIV"),
        pytest.param("softplus", "int8", "LOG", marks=pytest.mark.slow),
        pytest.param("mish", "int8", "LOG", marks=pytest.mark.slow),
        ("elu", "int8", "ELU"),
        ("gelu", "int16x8", "GELU"),
    ],
)
def test_an_activation_without_an_int8_kernel_is_named_with_its_layer(
    activation: str, scheme: str, operator: str, few: Mnist, tmp_path: Path
) -> None:
    path = save(activated(activation), tmp_path / "activated.keras")
    failed = convert(conversion.prepare(path, few, pixels="pixels/255"), tmp_path, scheme)
    assert isinstance(failed, ConversionError)
    message = str(failed)
    assert operator in message
    assert "hidden" in message
    assert "--quantize dynamic or float16" in message
    assert "damaged" not in message
    assert "copy" not in message
    assert "\n" not in message


def test_an_activation_without_an_int16_kernel_is_named(few: Mnist, tmp_path: Path) -> None:
    path = save(activated("elu"), tmp_path / "activated.keras")
    failed = convert(conversion.prepare(path, few, pixels="pixels/255"), tmp_path, "int16x8")
    assert isinstance(failed, ConversionError)
    assert "no int16x8 version of ELU; --quantize dynamic or float16" in str(failed)


@pytest.mark.parametrize("first", ["best", "serving_default"])
def test_the_signature_that_reads_digits_is_chosen(first: str, few: Mnist, tmp_path: Path) -> None:
    tensorflow = import_tensorflow()
    model = activated("relu")
    module = tensorflow.Module()
    module.model = model
    infer = tensorflow.function(
        lambda image: {"scores": model(image)},
        input_signature=[tensorflow.TensorSpec((None, 28, 28), tensorflow.float32)],
    )
    best = tensorflow.function(
        lambda scores: {"digit": tensorflow.argmax(scores, -1)},
        input_signature=[tensorflow.TensorSpec((None, 10), tensorflow.float32)],
    )
    with without_warnings():
        tensorflow.saved_model.save(
            module,
            str(tmp_path / "saved"),
            signatures={
                first: best.get_concrete_function(),
                "infer": infer.get_concrete_function(),
            },
        )
    prepared = conversion.prepare(tmp_path / "saved", few, pixels="pixels/255")
    own = model(few.validation.images[:4] / np.float32(255))
    np.testing.assert_allclose(prepared.reference[:4], own, atol=1e-4)


def _deflated_with_changed_bytes(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps({"layers": list(range(2_000))}))
    content = bytearray(path.read_bytes())
    content[60:64] = b"\xff" * 4
    path.write_bytes(content)


def _encrypted(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    content = bytearray(path.read_bytes())
    # Flag bits 0 of the local header and of the central directory's entry.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def _nested(path: Path, depth: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", '{"config":' * depth + "{}" + "}" * depth)


def _with_another_length_of_its_name(path: Path) -> None:
    """Python's error about it quotes the file from there to its end."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("config.json", " " * 20_000)
    content = bytearray(path.read_bytes())
    content[26:28] = (15_000).to_bytes(2, "little")
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "write",
    [
        _deflated_with_changed_bytes,
        _encrypted,
        _with_another_length_of_its_name,
        partial(_nested, depth=100_000),
    ],
)
def test_a_damaged_archive_is_refused_in_one_line(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "damaged.keras"
    write(path)
    with pytest.raises(ModelError) as caught:
        formats.identify(path)
    assert "damaged" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
