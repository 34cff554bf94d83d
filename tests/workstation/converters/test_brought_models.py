"""Models that people bring: recurrent layers, other number types, bytes as input."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import conversion, formats, schemes
from converters.accuracy_gate import AccuracyGate
from converters.calibration_set import draw_calibration_set
from converters.conversion import Converted, Prepared
from converters.operators import read_operators
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError, MnistEdgeError, ModelError, UnsuitableModel
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.training.frameworks import import_tensorflow
from tests.support import foreign_models
from tests.support.foreign_models import dense_net, keras_2, keras_3, save, without_warnings


@pytest.fixture(scope="module")
def few(small_mnist: Mnist) -> Mnist:
    """Three hundred validation digits, enough to find the scaling."""
    return replace(small_mnist, validation=small_mnist.validation.take(np.arange(300)))


def _convert(prepared: Prepared, folder: Path, *names: str) -> Converted | ConversionError:
    (made,) = conversion.convert_each(
        prepared,
        folder,
        schemes.find_schemes(list(names) or ["int8"]),
        calibration=draw_calibration_set(prepared.mnist, count=100),
        gate=AccuracyGate(max_drop_point=5.0),
    )
    return made


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


@pytest.mark.parametrize("kind", ["lstm", "gru", "simple", "bidirectional", "cells", "stateful"])
def test_a_recurrent_network_is_unrolled_and_answers_the_same(
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


def test_a_recurrent_network_becomes_int8(few: Mnist, tmp_path: Path) -> None:
    keras = keras_3()
    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.SimpleRNN(16), keras.layers.Dense(10)]
    )
    path = save(model, tmp_path / "recurrent.keras")
    made = _convert(conversion.prepare(path, few, pixels="pixels/255"), tmp_path)
    assert isinstance(made, Converted), made


def test_a_loop_that_cannot_be_unrolled_is_refused_in_one_line(few: Mnist, tmp_path: Path) -> None:
    keras = keras_3()
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.GRU(4), keras.layers.Dense(10)])
    with without_warnings():
        model.export(tmp_path / "saved", verbose=False)
    with pytest.raises(MnistEdgeError, match="unroll=True") as caught:
        conversion.prepare(tmp_path / "saved", few)
    assert "\n" not in str(caught.value)


def _dense(dtype: str) -> Any:
    keras = keras_3()
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(dtype=dtype),
            keras.layers.Dense(16, activation="relu", dtype=dtype),
            keras.layers.Dense(10, dtype=dtype),
            keras.layers.Softmax(dtype="float32"),
        ]
    )


@pytest.mark.parametrize("saved", ["keras", "savedmodel"])
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_a_network_of_another_float_type_is_converted_as_float32(
    dtype: str, saved: str, few: Mnist, tmp_path: Path
) -> None:
    model = _dense(dtype)
    accuracy = foreign_models.train(keras_3(), model, few, "x/255", epochs=1)
    path = tmp_path / "model.keras"
    if saved == "keras":
        save(model, path)
    else:
        path = tmp_path / "saved"
        with without_warnings():
            model.export(path, verbose=False)
    prepared = conversion.prepare(path, few)
    assert prepared.scaling.name == "pixels/255"
    assert prepared.score.accuracy == pytest.approx(accuracy, abs=0.01)
    made = _convert(prepared, tmp_path)
    assert isinstance(made, Converted), made
    assert "CAST" not in {operator.name for operator in read_operators(made.content)}


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_a_network_that_takes_whole_numbers_is_converted_without_casts(
    dtype: str, few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    entry = keras.Input((28, 28), dtype=dtype)
    values = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(entry))
    model = keras.Model(entry, keras.layers.Dense(10, activation="softmax")(values))
    foreign_models.train(keras, model, few, "x", epochs=1)
    prepared = conversion.prepare(save(model, tmp_path / "bytes.keras"), few)
    assert prepared.scaling.name == "pixels"
    # No scaling to fractions was tried: the input cannot hold them.
    assert "next inverted," in prepared.findings[0]
    made = _convert(prepared, tmp_path)
    assert isinstance(made, Converted), made
    assert "CAST" not in {operator.name for operator in read_operators(made.content)}


def _activated(activation: str) -> Any:
    keras = keras_3()
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation=activation, name="hidden"),
            keras.layers.Dense(10),
        ]
    )


@pytest.mark.parametrize(
    ("activation", "scheme", "operator"),
    [
        ("softsign", "int8", "DIV"),
        ("softplus", "int8", "LOG"),
        ("mish", "int8", "LOG"),
        ("elu", "int8", "ELU"),
        ("gelu", "int16x8", "GELU"),
    ],
)
def test_an_activation_without_integers_is_named_with_its_layer_and_what_to_do(
    activation: str, scheme: str, operator: str, few: Mnist, tmp_path: Path
) -> None:
    path = save(_activated(activation), tmp_path / "activated.keras")
    failed = _convert(conversion.prepare(path, few, pixels="pixels/255"), tmp_path, scheme)
    assert isinstance(failed, ConversionError)
    said = str(failed)
    assert operator in said
    assert "hidden" in said
    assert "--quantize dynamic or float16" in said
    assert "damaged" not in said
    assert "copy" not in said
    assert "\n" not in said


def test_an_activation_that_int16_does_not_have_is_named(few: Mnist, tmp_path: Path) -> None:
    path = save(_activated("elu"), tmp_path / "activated.keras")
    failed = _convert(conversion.prepare(path, few, pixels="pixels/255"), tmp_path, "int16x8")
    assert isinstance(failed, ConversionError)
    assert "no int16x8 version of ELU; --quantize dynamic or float16" in str(failed)


def _refused(path: Path) -> str:
    with pytest.raises(UnsuitableModel) as caught:
        formats.identify(path)
    said = str(caught.value)
    assert str(path) in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("wrapper", "line"),
    [
        ("PruneLowMagnitude", "model = tfmot.sparsity.keras.strip_pruning(model)"),
        ("ClusterWeights", "model = tfmot.clustering.keras.strip_clustering(model)"),
        ("QuantizeWrapperV2", "before quantize_model"),
    ],
)
def test_a_wrapper_of_the_optimization_toolkit_is_named_once_with_what_strips_it(
    wrapper: str, line: str, tmp_path: Path
) -> None:
    import h5py

    path = save(_activated("relu"), tmp_path / "wrapped.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layers = config["config"]["layers"]
        config["config"]["layers"] = [
            layers[0],
            *(
                {"class_name": wrapper, "config": {"name": f"wrapped_{index}", "layer": layer}}
                for index, layer in enumerate(layers[1:])
            ),
        ]
        file.attrs["model_config"] = json.dumps(config)
    said = _refused(path)
    assert said.count(wrapper) == 1
    assert line in said


@pytest.mark.parametrize("version", [2, 3])
def test_a_lambda_as_an_activation_is_named_with_its_layer(version: int, tmp_path: Path) -> None:
    keras = keras_2() if version == 2 else keras_3()
    model = keras.Sequential(
        [
            keras.layers.InputLayer((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation=lambda values: values, name="answers"),
        ]
    )
    said = _refused(save(model, tmp_path / ("model.h5" if version == 2 else "model.keras")))
    assert "layer 'answers' has a lambda as its activation" in said


def test_a_function_of_the_author_as_an_activation_is_named(tmp_path: Path) -> None:
    def halved(values: Any) -> Any:
        return values / 2

    keras = keras_3()
    model = keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(10, activation=halved, name="answers")]
    )
    said = _refused(save(model, tmp_path / "model.keras"))
    assert "layer 'answers' has the custom function halved as its activation" in said


def test_a_model_that_keras_quantized_is_refused_as_such(tmp_path: Path) -> None:
    model = _activated("relu")
    with without_warnings():
        model.quantize("int8")
    said = _refused(save(model, tmp_path / "quantized.keras"))
    assert "quantized by Keras' model.quantize" in said
    assert "hidden" in said


@pytest.mark.parametrize("first", ["best", "serving_default"])
def test_the_signature_that_reads_digits_is_taken(first: str, few: Mnist, tmp_path: Path) -> None:
    tensorflow = import_tensorflow()
    model = _activated("relu")
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


@pytest.mark.parametrize(
    "write",
    [
        _deflated_with_changed_bytes,
        _encrypted,
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


def test_a_network_of_transposed_digits_is_found_and_its_file_takes_upright_ones(
    few: Mnist, tmp_path: Path
) -> None:
    turned = replace(
        few,
        train=replace(few.train, images=few.train.images.transpose(0, 2, 1)),
        validation=replace(few.validation, images=few.validation.images.transpose(0, 2, 1)),
    )
    keras, model = keras_3(), dense_net(keras_3())
    accuracy = foreign_models.train(keras, model, turned, "x/255")
    prepared = conversion.prepare(save(model, tmp_path / "emnist.keras"), few)
    assert prepared.scaling.name == "pixels/255"
    assert "transposed digits, as EMNIST" in prepared.findings[1]
    assert prepared.score.accuracy == pytest.approx(accuracy, abs=0.01)
    made = _convert(prepared, tmp_path)
    assert isinstance(made, Converted), made
    run = run_sandboxed(made.content, few.validation.images, name="emnist")
    read = (run.logits.argmax(axis=1) == few.validation.labels).mean()
    assert read == pytest.approx(accuracy, abs=0.02)


@pytest.mark.parametrize("reading", ["x/255", "x/127.5-1"])
def test_linear_outputs_of_a_squared_error_are_judged_by_it(
    reading: str, few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    values = foreign_models.READINGS[reading](few.train.images).astype(np.float32)
    model.fit(values, np.eye(10)[few.train.labels], epochs=4, verbose=0)
    prepared = conversion.prepare(save(model, tmp_path / "linear.keras"), few)
    assert prepared.scaling.name == {"x/255": "pixels/255", "x/127.5-1": "pixels/127.5-1"}[reading]
    assert "squared error" in prepared.findings[0]
    assert prepared.findings[1].startswith("warning: it was trained by a squared error")


def test_scalings_that_only_a_temperature_tells_apart_are_warned_of(
    few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    # Without a bias, and linear: a scale of the input is a scale of the outputs, and no more.
    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, use_bias=False)]
    )
    foreign_models.train(
        keras, model, few, "x/255", loss=foreign_models.logits_loss(keras), epochs=1
    )
    uncompiled = type(model).from_config(model.get_config())
    uncompiled.set_weights(model.get_weights())
    for name, told, warned in (("known", model, False), ("unknown", uncompiled, True)):
        prepared = conversion.prepare(save(told, tmp_path / f"{name}.keras"), few)
        assert prepared.scaling.name == "pixels/255"
        assert any("by temperature alone" in one for one in prepared.findings) is warned
