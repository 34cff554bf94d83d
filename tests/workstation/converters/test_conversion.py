from __future__ import annotations

import hashlib
import itertools
import math
import random
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import (
    conversion,
    layer_error,
    loader,
    schemes,
    tf_converter,
    verify,
    writer,
)
from converters.accuracy_gate import DEFAULT_GATE, AccuracyGate
from converters.calibration_set import draw_calibration_set
from converters.compact import parse_model
from converters.conversion import Converted, Prepared
from converters.equalization import equalize
from converters.operators import DEFAULT_TARGET, read_operators, require_target, unknown_to
from mnist_edge.data.mnist import Mnist
from mnist_edge.device.doctor import probe
from mnist_edge.errors import (
    AccuracyLost,
    ConversionError,
    InvalidModel,
    InvalidValue,
    MissingDependency,
    ModelError,
    ModelNotFound,
    NotWritable,
    UnknownName,
    UnsuitableModel,
)
from mnist_edge.metrics.classification import calibration_error
from mnist_edge.metrics.confidence import (
    MIN_COVERAGE,
    choose_threshold,
    fit_temperature,
    softmax,
)
from mnist_edge.metrics.paired import compare
from mnist_edge.modelstore import loading
from mnist_edge.runtimes import golden
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.runtimes.sandbox import SandboxRun, run_sandboxed
from mnist_edge.training import trainer, training_record
from mnist_edge.training.frameworks import import_keras, import_tensorflow
from mnist_edge.training.recipes import RECIPES, find_recipe
from tests.support.paths import NANO
from tests.support.peers import run_on_litert
from tests.support.recorder import Train

DROP_BOUND = 1.0
"""Percentage points: ten digits of a thousand."""
NO_DIGITS = np.zeros((0, 28, 28), np.uint8)
LEAST_AGREEMENT = 0.95
"""Share of equal answers of a model hardly trained; a planted fault leaves less than half."""


def _converted(
    name: str, train: Train, digits: Mnist, folder: Path, *, max_drop: float = DROP_BOUND
) -> tuple[NDArray[np.float32], list[tuple[schemes.Scheme, SandboxRun]]]:
    """A recipe briefly trained: Keras' logits of the test digits, and each scheme's trial."""
    recipe = find_recipe(name)
    # A deeper network that has learnt next to nothing answers by the last bit.
    epochs = 4 if recipe.outlier_ratio else 2
    brief: dict[str, Any] = {"epochs": epochs} if recipe.epochs else {"steps": 200}
    # Neither teachers nor outliers change the network that is converted.
    brief |= {"distillation": None, "outlier_ratio": 0}
    train(replace(recipe, **brief), folder)
    every = schemes.find_schemes(["all"])
    prepared = conversion.prepare(folder / training_record.MODEL_FILE, digits)
    assert prepared.scaling.name == "pixels"
    made = _every(prepared, folder, every, gate=AccuracyGate(max_drop_point=max_drop))
    assert [one.manifest.scheme for one in made] == list(loading.SCHEMES)
    assert all(one.manifest.recipe == name for one in made)
    trials = [
        run_sandboxed(loading.load_model(one.path).content, digits.test.images, name=name)
        for one in made
    ]
    reference = conversion.keras_logits(prepared.model, prepared.scaling, digits.test)
    return reference, list(zip(every, trials, strict=True))


def _every(
    prepared: Prepared,
    folder: Path,
    chosen: list[schemes.Scheme],
    *,
    gate: AccuracyGate = DEFAULT_GATE,
    rescue: bool = False,
    keep: bool = False,
) -> list[Converted]:
    """Converts by each scheme; the first that fails raises."""
    made = []
    for outcome in conversion.convert_each(
        prepared,
        folder,
        chosen,
        calibration=draw_calibration_set(prepared.mnist),
        gate=gate,
        recover=rescue,
        keep=keep,
    ):
        if isinstance(outcome, ConversionError):
            raise outcome
        made.append(outcome)
    return made


@pytest.fixture(scope="module")
def prepared(small_mnist: Mnist) -> Prepared:
    """The shipped model, on fewer digits."""
    return conversion.prepare(NANO / training_record.MODEL_FILE, small_mnist)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_scheme_keeps_the_accuracy_of_every_recipe(
    name: str, train: Train, small_mnist: Mnist, tmp_path: Path
) -> None:
    reference, trials = _converted(name, train, small_mnist, tmp_path)
    files = [tmp_path / f"{scheme.name}.tflite" for scheme, _ in trials]
    later = run_on_litert(files, small_mnist.test.images)
    for (scheme, trial), litert in zip(trials, later, strict=True):
        assert compare(trial.logits, litert, small_mnist.test.labels).agreement > 0.99
        assert trial.runtime.startswith("tflite-runtime 2.14")
        assert trial.input.dtype == trial.output.dtype == scheme.io_dtype
        compared = compare(reference, trial.logits, small_mnist.test.labels)
        assert abs(compared.drop) <= DROP_BOUND
        # A model that learnt little has little to drop, but still answers as it did.
        assert compared.agreement > LEAST_AGREEMENT


def test_float32_on_the_device_gives_the_logits_that_keras_gives(
    prepared: Prepared, small_mnist: Mnist
) -> None:
    model = import_keras().models.load_model(NANO / "model.keras", compile=False)
    keras = trainer.predict_logits(model, small_mnist.validation)
    np.testing.assert_allclose(prepared.reference, keras, atol=1e-3)
    content = tf_converter.to_tflite(
        prepared.model.network, RAW_PIXELS, schemes.float32(), small_mnist.train.images[:10]
    )
    device = run_sandboxed(content, small_mnist.validation.images, name="nano").logits
    np.testing.assert_allclose(device, keras, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["edge", "nano"])
def test_converting_the_committed_model_again_gives_the_committed_bytes(
    name: str, small_mnist: Mnist, mnist: Mnist
) -> None:
    folder = NANO.with_name(name)
    prepared = conversion.prepare(folder / training_record.MODEL_FILE, small_mnist)
    for scheme in schemes.find_schemes(["all"]):
        content = tf_converter.to_tflite(
            prepared.model.network, prepared.scaling, scheme, draw_calibration_set(mnist).images
        )
        content = conversion.finish(content, recipe=prepared.model.recipe, scheme=scheme)
        committed = (folder / f"{scheme.name}.tflite").read_bytes()
        assert hashlib.sha256(content).hexdigest() == hashlib.sha256(committed).hexdigest()


def test_normalization_folds_into_weights_by_arithmetic_that_every_processor_does_alike(
    prepared: Prepared, small_mnist: Mnist
) -> None:
    model = parse_model(
        tf_converter.to_tflite(
            prepared.model.network, RAW_PIXELS, schemes.float32(), small_mnist.train.images[:10]
        )
    )
    found = {buffer.data.tobytes() for buffer in model.buffers if buffer.data is not None}
    keras = import_keras()
    layers = keras.models.load_model(NANO / "model.keras", compile=False).layers
    pairs = [
        (layer, following)
        for layer, following in itertools.pairwise(layers)
        if isinstance(following, keras.layers.BatchNormalization)
    ]
    assert len(pairs) > 1
    # The first takes the pixels' scale as well.
    for convolution, normalization in pairs[1:]:
        gamma, _, _, variance = normalization.get_weights()
        spread = (variance + np.float32(normalization.epsilon)).astype(np.float64)
        # Rounded once: a processor's own reciprocal root is off by a bit or two.
        factor = (1 / np.sqrt(spread)).astype(np.float32) * gamma
        weights = convolution.get_weights()[0] * factor
        assert weights.transpose(3, 0, 1, 2).tobytes() in found


@pytest.mark.slow
def test_confidence_is_fitted_to_what_the_device_makes_of_the_validation_digits(
    prepared: Prepared, tmp_path: Path
) -> None:
    digits = prepared.mnist.validation
    # Another split must not have a say: with no test digits at all nothing changes.
    blind = replace(prepared, mnist=replace(prepared.mnist, test=digits.take(np.arange(0))))
    for made in _every(
        blind, tmp_path, schemes.find_schemes(["all"]), gate=AccuracyGate(max_drop_point=DROP_BOUND)
    ):
        logits = run_sandboxed(made.content, digits.images, name=str(made.path)).logits
        manifest = loading.load_model(made.path).manifest
        assert manifest is not None
        temperature = fit_temperature(logits, digits.labels)
        assert manifest.temperature == temperature
        probabilities = softmax(logits, temperature=temperature)
        assert manifest.calibration_error == calibration_error(probabilities, digits.labels)
        confidences = probabilities.max(axis=1)
        right = logits.argmax(axis=1) == digits.labels
        assert manifest.min_confidence == choose_threshold(confidences, right)
        assert (confidences >= manifest.min_confidence).mean() >= MIN_COVERAGE


def _edited(content: bytes, edit: Callable[[Any], None]) -> bytes:
    """A ``.tflite`` with something in its flatbuffer changed."""
    import_tensorflow()
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    edit(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _wrong_input_zero_point(model: Any) -> None:
    graph = model.subgraphs[0]
    # Paper is then as full of ink as a stroke; with a milder one, nano still reads 98 of 100.
    graph.tensors[graph.inputs[0]].quantization.zeroPoint = np.array([127])


def _lost_weight_scale(model: Any) -> None:
    # The first convolution's weights, every other filter ten times as large.
    graph = model.subgraphs[0]
    weights = graph.tensors[graph.operators[0].inputs[1]].quantization
    weights.scale = np.array(
        [scale * (10 if row % 2 else 1) for row, scale in enumerate(weights.scale)], np.float32
    )


def _lost_input_scale(model: Any) -> None:
    # The interpreter then quantizes pixels as if they had been divided by 255 already.
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].quantization.scale = np.array([1 / 255], np.float32)


def _verify(
    content: bytes,
    prepared: Prepared,
    *,
    scheme: schemes.Scheme | None = None,
    target: str = DEFAULT_TARGET,
) -> verify.Verification:
    return verify.verify_conversion(
        content,
        scheme or schemes.int8(),
        unstripped=content,
        reference=prepared.reference,
        validation=prepared.mnist.validation,
        target=target,
    )


def _sound() -> bytes:
    return (NANO / "int8.tflite").read_bytes()


@pytest.mark.parametrize("fault", [_wrong_input_zero_point, _lost_weight_scale, _lost_input_scale])
def test_verification_catches_a_planted_fault(
    fault: Callable[[Any], None], prepared: Prepared
) -> None:
    validation = prepared.mnist.validation
    assert _verify(_sound(), prepared).gate is None
    faulty = _edited(_sound(), fault)
    logits = run_sandboxed(faulty, validation.images, name="faulty").logits
    planted = compare(prepared.reference, logits, validation.labels)
    assert planted.drop > 10 * DROP_BOUND
    assert planted.agreement < LEAST_AGREEMENT
    with pytest.raises(ConversionError, match="points of validation accuracy") as caught:
        _verify(faulty, prepared)
    assert "digits of which the Keras model is confident" in str(caught.value)


def _constant(model: Any) -> None:
    # The last dense layer's weights are all its zero point.
    graph = model.subgraphs[0]
    buffer = model.buffers[graph.tensors[graph.operators[-1].inputs[1]].buffer]
    buffer.data = np.zeros_like(buffer.data)


def _scaled_output(factor: float) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        graph = model.subgraphs[0]
        quantization = graph.tensors[graph.outputs[0]].quantization
        quantization.scale = np.asarray(quantization.scale, np.float32) * np.float32(factor)

    return edit


def _new_version(model: Any) -> None:
    graph = model.subgraphs[0]
    model.operatorCodes[graph.operators[-1].opcodeIndex].version = 12


def _custom(model: Any) -> None:
    graph = model.subgraphs[0]
    code = model.operatorCodes[graph.operators[3].opcodeIndex]
    code.builtinCode, code.customCode = 32, b"MyPool"
    code.deprecatedBuiltinCode = 32


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (_constant, "its logits are the same for every digit"),
        (_scaled_output(0.25), r"output is saturated: \d+\.\d % of digits .* at 127"),
        (_scaled_output(8.0), r"output uses \d+ % of the int8 range"),
        (
            _new_version,
            r"tflite-runtime==2.14.0 knows FULLY_CONNECTED up to version 10, the model has "
            r"version 12 \(at '.*'\); quantize with --weights per-tensor, or choose a newer "
            "--target",
        ),
        (_custom, "MyPool at '.*' is not a builtin operator"),
    ],
)
def test_verification_names_a_planted_fault(
    fault: Callable[[Any], None], said: str, prepared: Prepared
) -> None:
    with pytest.raises(ConversionError, match=said) as caught:
        _verify(_edited(_sound(), fault), prepared)
    assert "\n" not in str(caught.value)


def test_a_float_operator_inside_int8_is_named_after_its_layer(
    prepared: Prepared, tmp_path: Path
) -> None:
    # TensorFlow leaves in floats what it has no integers for; here it is told to leave all.
    mixed = replace(schemes.float32(), calibrated=True)
    (error,) = conversion.convert_each(
        prepared, tmp_path, [mixed], calibration=draw_calibration_set(prepared.mnist)
    )
    assert isinstance(error, ConversionError)
    # The file that was verified has no names inside.
    assert re.search(r"CONV_2D at '[^']*/Relu' computes in floats", str(error))
    assert list(tmp_path.iterdir()) == []


def test_verification_names_every_violation_at_once(prepared: Prepared) -> None:
    shuffled = replace(prepared, reference=prepared.reference[::-1])
    with pytest.raises(ConversionError) as caught:
        _verify((NANO / "float32.tflite").read_bytes(), shuffled)
    for violation in (
        "its input is float32",
        "its output is float32",
        "is confident",
        "computes in floats",
    ):
        assert violation in str(caught.value)


def test_a_target_that_was_not_measured_is_refused_with_those_that_were() -> None:
    with pytest.raises(UnknownName, match=r"tflite-runtime==2.14.0, ai-edge-litert==2.1.0"):
        require_target("tflite-runtime==2.13.0")


def _convolutions_of_version(version: int, model: Any) -> None:
    model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex].version = version


def test_the_measured_targets_agree_with_the_runtime_that_is_installed(prepared: Prepared) -> None:
    # What the table calls unknown, the runtime must refuse, and it must load the one before.
    for version, loads in ((7, True), (8, False)):
        content = _edited(_sound(), partial(_convolutions_of_version, version))
        assert bool(unknown_to(DEFAULT_TARGET, read_operators(content))) is not loads
        if loads:
            run_sandboxed(content, prepared.mnist.validation.images[:1], name="edited")
        else:
            with pytest.raises(InvalidModel, match=r"CONV_2D.*version"):
                run_sandboxed(content, prepared.mnist.validation.images[:1], name="edited")


def test_a_failed_verification_writes_nothing(prepared: Prepared, tmp_path: Path) -> None:
    wrong = replace(prepared, reference=prepared.reference[::-1])
    with pytest.raises(ConversionError, match="nothing was written"):
        _every(wrong, tmp_path, [schemes.int8()])
    assert list(tmp_path.iterdir()) == []


def test_a_missed_gate_exits_with_3_and_writes_nothing_unless_kept(
    prepared: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(AccuracyLost, match=r"missed the gate.*nothing was written") as caught:
        _every(prepared, tmp_path, [schemes.int8()], gate=AccuracyGate(max_drop_point=-5.0))
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []
    (kept,) = _every(
        prepared, tmp_path, [schemes.int8()], gate=AccuracyGate(max_drop_point=-5.0), keep=True
    )
    assert kept.gate is not None
    loading.load_model(kept.path)


def test_a_scheme_that_fails_does_not_keep_the_others_from_being_made(
    prepared: Prepared, tmp_path: Path
) -> None:
    # TensorFlow gives an int8 model no int16 ends.
    impossible = replace(schemes.int8(), io_dtypes=("int16",), io_dtype="int16")
    outcomes = list(
        conversion.convert_each(
            prepared,
            tmp_path,
            [impossible, schemes.float32()],
            calibration=draw_calibration_set(prepared.mnist),
        )
    )
    assert isinstance(outcomes[0], ConversionError)
    assert isinstance(outcomes[1], Converted)
    assert outcomes[1].path.name == "float32.tflite"


_LARGE = np.where(np.arange(32) == 7, 1000.0, 1.0).astype(np.float32)
"""A factor for each hidden unit."""


def _unbalanced(small_mnist: Mnist, path: Path) -> Path:
    """A sound network in floats, one of whose hidden units is a thousand times as large."""
    keras = import_keras()
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(32, activation="relu")
    last = keras.layers.Dense(10)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), hidden, last])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(small_mnist.train.images / 255, small_mnist.train.labels, epochs=4, verbose=0)
    kernel, bias = hidden.get_weights()
    hidden.set_weights([kernel * _LARGE, bias * _LARGE])
    kernel, bias = last.get_weights()
    last.set_weights([kernel / _LARGE[:, None], bias])
    model.save(path)
    return path


@pytest.mark.slow
def test_a_rescue_finds_what_an_expert_would_and_says_what_it_tried(
    small_mnist: Mnist, tmp_path: Path
) -> None:
    unbalanced = conversion.prepare(_unbalanced(small_mnist, tmp_path / "a.keras"), small_mnist)
    out = tmp_path / "out"
    with pytest.raises(ConversionError, match="logits are the same") as caught:
        _every(unbalanced, out, [schemes.int8()], gate=AccuracyGate(max_drop_point=DROP_BOUND))
    assert "tried" not in str(caught.value)
    (rescued,) = _every(
        unbalanced, out, [schemes.int8()], gate=AccuracyGate(max_drop_point=DROP_BOUND), rescue=True
    )
    assert rescued.tried[0] == "100 calibration digits of seed 1: failed verification"
    assert rescued.tried[-1].startswith("equalized channels: ")
    assert rescued.drop <= DROP_BOUND
    logits = run_sandboxed(rescued.content, small_mnist.test.images, name="rescued").logits
    own = conversion.keras_logits(unbalanced.model, unbalanced.scaling, small_mnist.test)
    assert compare(own, logits, small_mnist.test.labels).drop <= DROP_BOUND


@pytest.mark.slow
def test_a_rescue_that_fails_says_all_that_it_tried(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(AccuracyLost, match="nothing was written") as caught:
        _every(
            prepared,
            tmp_path,
            [schemes.int8()],
            gate=AccuracyGate(max_drop_point=-5.0),
            rescue=True,
        )
    for tried in ("2000 calibration digits of seed 1", "500 .* of seed 3", "equalized", "int16x8"):
        assert re.search(rf"{tried}.*: [+-]\d+\.\d\d points", str(caught.value))


def test_equalizing_changes_no_answer_and_brings_weights_to_one_range(
    prepared: Prepared, small_mnist: Mnist
) -> None:
    network = prepared.model.network
    equalized = equalize(network)
    assert equalized is not None
    digits = RAW_PIXELS.apply(small_mnist.validation.images[:50])
    np.testing.assert_allclose(equalized.run(digits), network.run(digits), rtol=1e-3, atol=1e-3)


def _layers(prepared: Prepared, digits: Mnist) -> list[layer_error.LayerError]:
    return layer_error.measure_layer_errors(
        prepared.model.network,
        prepared.scaling,
        calibration=draw_calibration_set(digits).images,
        digits=digits.validation.images,
    )


def test_a_sound_model_is_explained_as_rounding_alone(
    prepared: Prepared, small_mnist: Mnist, tmp_path: Path
) -> None:
    layers = _layers(prepared, small_mnist)
    operators = ["CONV_2D", "CONV_2D", "MAX_POOL_2D", *["CONV_2D"] * 4, "MEAN", "FULLY_CONNECTED"]
    assert [layer.operator for layer in layers] == operators
    assert layer_error.suspect_layers(layers) == []
    assert layer_error.weakest_layer(layers).sqnr > 30
    for layer in layers:
        # A pooling moves integers about.
        if layer.operator == "MAX_POOL_2D":
            assert layer.sqnr == math.inf
        else:
            # Where ReLU leaves nothing, nothing is rounded.
            assert 0.4 * layer_error.HEALTHY < layer.rmse < layer_error.SUSPECT
        if layer.weights:
            assert layer.weights[0] < 0 < layer.weights[1]
        # What is beyond the range of the few digits that it was calibrated on.
        assert layer.saturated < 0.002
        assert layer.activations[0] < layer.activations[1]
    picture = tmp_path / "explain.png"
    layer_error.plot_layer_errors(picture, layers, title="nano")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_layer_that_hurts_is_named(small_mnist: Mnist, tmp_path: Path) -> None:
    unbalanced = conversion.prepare(_unbalanced(small_mnist, tmp_path / "a.keras"), small_mnist)
    layers = _layers(unbalanced, small_mnist)
    # The hidden layer's one scale is its large unit's: what reads it has nothing to read.
    (suspect,) = layer_error.suspect_layers(layers)
    assert suspect is layer_error.weakest_layer(layers) is layers[-1]
    assert suspect.sqnr < 1
    hidden = layers[-2]
    assert hidden.activations[1] > 1000


@pytest.mark.slow
@pytest.mark.parametrize("weights", [schemes.PER_CHANNEL, schemes.PER_TENSOR])
@pytest.mark.parametrize("io_dtype", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("colour", [schemes.GRAY, schemes.RGB])
def test_int8_has_every_end_and_granularity(
    weights: str, io_dtype: str, colour: str, prepared: Prepared, tmp_path: Path
) -> None:
    chosen = schemes.find_schemes(["int8"], io_dtype=io_dtype, weights=weights, color=colour)
    (made,) = _every(prepared, tmp_path, chosen, gate=AccuracyGate(max_drop_point=DROP_BOUND))
    manifest = loading.load_model(made.path).manifest
    assert manifest is not None
    assert manifest.input.dtype == manifest.output.dtype == io_dtype
    assert manifest.input.shape == (1, 28, 28, 3 if colour == schemes.RGB else 1)
    assert (manifest.scheme == "int8") == (
        (weights, io_dtype, colour) == (schemes.PER_CHANNEL, "int8", schemes.GRAY)
    )
    scales = _weight_scales(made.content)
    assert all((count > 1) == (weights == schemes.PER_CHANNEL) for count in scales)


def _weight_scales(content: bytes) -> list[int]:
    """How many scales the weights of each convolution and dense layer of some outputs have."""
    from tensorflow.lite.tools import flatbuffer_utils

    (graph,) = flatbuffer_utils.convert_bytearray_to_object(bytearray(content)).subgraphs
    tensors = [graph.tensors[one.inputs[1]] for one in graph.operators if len(one.inputs) == 3]
    return [len(tensor.quantization.scale) for tensor in tensors if tensor.shape[0] > 1]


def test_settings_that_a_scheme_does_not_have_are_refused_with_those_it_has() -> None:
    with pytest.raises(InvalidValue, match=r"int16x8 has no input and output type 'uint8'.*int16"):
        schemes.find_schemes(["int16x8"], io_dtype="uint8")
    with pytest.raises(InvalidValue, match=r"granularity of weights 'coarse'.*per-tensor"):
        schemes.find_schemes(["int8"], weights="coarse")
    with pytest.raises(InvalidValue, match="no input 'cmyk': choose one of grey, rgb"):
        schemes.find_schemes(["int8"], color="cmyk")


def test_calibration_is_drawn_from_training_digits_alone_evenly_and_seeded(mnist: Mnist) -> None:
    drawn = draw_calibration_set(mnist, count=505, seed=3)
    again = draw_calibration_set(mnist, count=505, seed=3)
    other = draw_calibration_set(mnist, count=505, seed=4)
    assert drawn.record == again.record
    assert np.array_equal(drawn.images, again.images)
    assert drawn.record.indices_sha256 != other.record.indices_sha256
    training = {image.tobytes() for image in mnist.train.images}
    assert all(image.tobytes() in training for image in drawn.images)
    labels = {
        image.tobytes(): label
        for image, label in zip(mnist.train.images, mnist.train.labels, strict=True)
    }
    counts = np.bincount([labels[image.tobytes()] for image in drawn.images], minlength=10)
    assert counts.sum() == 505
    assert set(counts) == {50, 51}


def test_calibration_digits_that_leaked_from_the_other_splits_are_named(
    prepared: Prepared, tmp_path: Path
) -> None:
    honest = draw_calibration_set(prepared.mnist)
    for split in ("validation", "test"):
        images = getattr(prepared.mnist, split).images[:3]
        leaked = replace(honest, images=np.concatenate([honest.images, images]))
        (error,) = conversion.convert_each(prepared, tmp_path, [schemes.int8()], calibration=leaked)
        assert isinstance(error, ConversionError)
        assert f"3 of 503 calibration digits are also {split} digits" in str(error)


def test_a_runtime_other_than_the_target_is_told() -> None:
    assert verify.runtime_mismatch(DEFAULT_TARGET) is None
    warning = verify.runtime_mismatch("ai-edge-litert==2.1.0")
    assert warning is not None
    assert "run on tflite-runtime 2.14.0" in warning


def test_hdf5_without_h5py_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependency, match=r"h5py does not import.*pip install"):
        loader.load_trained_model(path, NO_DIGITS)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(28, 28), (784,), (28, 28, 1)])
def test_a_saved_model_of_a_single_digit_gets_a_batch_of_one(
    shape: tuple[int, ...], prepared: Prepared, small_mnist: Mnist, tmp_path: Path
) -> None:
    tensorflow = import_tensorflow()
    module = tensorflow.Module()
    network = prepared.model.network
    module.digit = tensorflow.function(
        lambda digit: network(tensorflow.reshape(digit, (1, 28, 28, 1)))[0],
        input_signature=[tensorflow.TensorSpec(shape, tensorflow.float32)],
        autograph=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensorflow.saved_model.save(module, str(tmp_path / "single"), signatures=module.digit)
    digits = replace(small_mnist, validation=small_mnist.validation.take(np.arange(300)))
    single = conversion.prepare(tmp_path / "single", digits)
    assert single.scaling is RAW_PIXELS
    np.testing.assert_allclose(single.reference, prepared.reference[:300], atol=1e-3)
    (made,) = _every(
        single, tmp_path, [schemes.int8()], gate=AccuracyGate(max_drop_point=DROP_BOUND)
    )
    assert made.manifest.input.shape == (1, *shape)


@pytest.mark.parametrize(("count", "seed"), [(9, 1), (10**6, 1), (500, -1), (500, 2**32)])
def test_calibration_settings_outside_their_range_are_refused(
    count: int, seed: int, mnist: Mnist
) -> None:
    with pytest.raises(InvalidValue):
        draw_calibration_set(mnist, count=count, seed=seed)


def test_schemes_come_in_one_order_whatever_the_order_asked_for() -> None:
    assert [s.name for s in schemes.find_schemes(["int8", "float32"])] == ["float32", "int8"]
    assert len(schemes.find_schemes(["all"])) == 5
    assert tuple(schemes.SCHEMES) == loading.SCHEMES
    assert all(make().name == name for name, make in schemes.SCHEMES.items())
    with pytest.raises(UnknownName, match="choose one of float32"):
        schemes.find_schemes(["int4"])


def _save(path: Path, shape: tuple[int, ...], outputs: int) -> Path:
    keras = import_keras()
    model = keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(outputs)]
    )
    model.save(path)
    return path


def test_a_model_that_reads_no_digits_is_refused_with_every_reason(tmp_path: Path) -> None:
    path = _save(tmp_path / "wrong.keras", (32, 32), 11)
    with pytest.raises(UnsuitableModel) as caught:
        loader.load_trained_model(path, NO_DIGITS)
    assert "(32, 32)" in str(caught.value)
    assert "(11,)" in str(caught.value)


def test_what_is_no_keras_file_is_an_error_of_one_line(tmp_path: Path, nano: Path) -> None:
    truncated = tmp_path / "truncated.keras"
    truncated.write_bytes((nano / "model.keras").read_bytes()[:5_000])
    text = tmp_path / "text.keras"
    text.write_text("<html>not a model</html>")
    empty = tmp_path / "empty.keras"
    empty.touch()
    for path in (truncated, text, empty):
        with pytest.raises(InvalidModel) as caught:
            loader.load_trained_model(path, NO_DIGITS)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelNotFound, match="mnist-edge train"):
        loader.find_model_file(tmp_path)


def _damaged(content: bytes, chance: random.Random) -> bytes:
    """A file cut short, with bytes changed, or with a part of it lost."""
    damaged = bytearray(content)
    kind = chance.choice(["cut", "changed", "lost"])
    if kind == "cut":
        return bytes(damaged[: chance.randrange(len(damaged))])
    if kind == "changed":
        for _ in range(chance.choice([1, 3, 20])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    else:
        start = chance.randrange(len(damaged) - 512)
        damaged[start : start + 512] = bytes(512)
    return bytes(damaged)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some damaged files are read until the time is up."""
    monkeypatch.setattr("converters.hdf5._SECONDS", 5)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_damaged_file_loads_or_is_an_error_of_ours(
    name: str, prepared: Prepared, tmp_path: Path
) -> None:
    path = tmp_path / name
    model = import_keras().models.load_model(prepared.model.path, compile=False)
    with warnings.catch_warnings():
        # Keras calls HDF5 legacy, which is why others still have it.
        warnings.simplefilter("ignore")
        model.save(path)
    content, chance = path.read_bytes(), random.Random(name)  # noqa: S311  # for tests, not for secrets
    refusals = []
    for _ in range(40):
        path.write_bytes(_damaged(content, chance))
        try:
            loader.load_trained_model(path, NO_DIGITS)
        except ModelError as error:
            refusals.append(str(error))
    assert len(refusals) > 20
    assert all(str(path) in said and "\n" not in said for said in refusals)


@pytest.mark.usefixtures("impatient")
def test_hdf5_that_leads_its_reader_in_circles_is_an_error_of_ours(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "circle.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "x" * 96
        file.attrs["layer_names"] = ["dense"]
    content = bytearray(path.read_bytes())
    # The heap's second object, now of no size, is what follows it, for ever.
    second = content.index(b"GCOL") + 16 + 16 + 96
    content[second : second + 16] = bytes(16)
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match="its reader gives no answer in"):
        loader.load_trained_model(path, NO_DIGITS)


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(
    prepared: Prepared, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(NotWritable, match="choose another place"):
        _every(prepared, in_the_way / "below", [schemes.float32()])


@pytest.mark.slow
def test_every_file_carries_golden_vectors_of_the_device_runtime(
    prepared: Prepared, tmp_path: Path
) -> None:
    for made in _every(prepared, tmp_path, schemes.find_schemes(["all"])):
        stored = loading.load_model(made.path)
        assert stored.manifest is not None
        vectors = stored.manifest.golden
        assert vectors is not None
        assert vectors.runtime == stored.manifest.validation.runtime
        inputs, outputs = golden.decode_golden(vectors, stored.manifest.output, name="nano")
        assert len(inputs) == len(outputs) == 16
        assert len(vectors.inputs) + len(vectors.outputs) < 6_000
        assert probe.probe_model(str(made.path))["steps"] == [0] * 16


def test_golden_vectors_catch_a_planted_fault(prepared: Prepared, tmp_path: Path) -> None:
    (made,) = _every(prepared, tmp_path, [schemes.int8()])
    faulty = _edited(made.content, _lost_weight_scale)
    digest = hashlib.sha256(faulty).hexdigest()
    writer.write_model(tmp_path, faulty, replace(made.manifest, sha256=digest))
    found = probe.probe_model(str(made.path))
    assert not found["passed"]
    assert max(found["steps"]) > golden.TOLERANCE
