"""Load Keras files and SavedModels as traced functions of TensorFlow, whatever wrote them."""

from __future__ import annotations

import json
import math
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from converters import keras_2_13
from converters.formats import KerasModelFile
from converters.frozen_graph import describe_input_shape
from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import InvalidModel, MissingDependency, UnsuitableModel
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.system.text import one_line
from mnist_edge.training.frameworks import import_keras, import_tensorflow, import_tf_keras

_SUFFIXES = {"hdf5": ".h5", "keras": ".keras"}


def load_function(file: KerasModelFile) -> tuple[Any, str]:
    """Load a model file as a function.

    Returns:
        A ``ConcreteFunction``, and the framework that loaded the file, with its version.

    Raises:
        InvalidModel: neither Keras nor TensorFlow can load it.
        UnsuitableModel: it contains its author's code, or has several inputs or outputs.
        MissingDependency: the workstation extra is not installed.
    """
    return _LOADERS[file.format](file)


def _load_keras(file: KerasModelFile) -> tuple[Any, str]:
    """Load with Keras 3, or with the maintained Keras 2 if that fails."""
    reasons = []
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        # Keras trusts the suffix, and files have any name.
        path = Path(temporary) / f"model{_SUFFIXES[file.format]}"
        if not (file.format == "keras" and _modernize(file.path, path)):
            path.symlink_to(file.path.resolve())
        for load in (_by_keras_3, _by_keras_2):
            try:
                with _quietly():
                    model, framework = load(path)
                    return _trace(model), framework
            except UnsuitableModel as error:
                raise UnsuitableModel(f"{file.path}: {error}") from error
            except MissingDependency:
                raise
            # Both versions raise whatever the format's reader happens to raise.
            except Exception as error:  # noqa: BLE001  # the next is tried, all reasons reported
                reasons.append(one_line(error))
    unknown = re.search(r"Unknown layer: '?(\w+)", " ".join(reasons))
    if unknown:
        raise UnsuitableModel(
            f"{file.path}: {unknown[1]} is a custom layer, whose code is not in the file; rebuild "
            "it from Keras' own layers, or export the model with model.export"
        )
    raise InvalidModel(
        f"{file.path} is not a model that Keras 3 or Keras 2 can load "
        f"({'; '.join(reason[:150] for reason in reasons)}); save it again with model.save, or "
        "export it with model.export"
    )


def _modernize(path: Path, target: Path) -> bool:
    try:
        return keras_2_13.modernize(path, target)
    # What h5py can read, it cannot always write.
    except Exception as error:
        raise InvalidModel(
            f"{path} is damaged ({one_line(error)}); copy or download the file again"
        ) from error


def _by_keras_3(path: Path) -> tuple[Any, str]:
    keras = import_keras()
    return keras.models.load_model(path, compile=False), f"keras {keras.__version__}"


def _by_keras_2(path: Path) -> tuple[Any, str]:
    keras = import_tf_keras()
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    # Without this scope Keras 2 runs code stored in HDF5.
    with SafeModeScope(safe_mode=True):
        return keras.models.load_model(path, compile=False), f"tf_keras {keras.__version__}"


def _trace(model: Any) -> Any:
    tensorflow = import_tensorflow()
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise UnsuitableModel("it was saved before it was built; start it with an Input layer")
    if len(inputs) != 1 or len(model.outputs) != 1:
        raise UnsuitableModel(
            f"it has {len(inputs)} input(s) and {len(model.outputs)} output(s), expected one "
            "of each"
        )
    sides = tuple(inputs[0].shape)[1:]
    if None in _digit_sized((None, *sides))[1:]:
        raise UnsuitableModel(describe_input_shape(sides))
    model = _unrolled(model)
    (entry,) = model.inputs
    forward = tensorflow.function(lambda digits: model(digits, training=False))
    return forward.get_concrete_function(
        tensorflow.TensorSpec(_digit_sized(tuple(entry.shape)), tensorflow.as_dtype(entry.dtype))
    )


def _digit_sized(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """Return a batch's shape with the sides of a digit where a network takes any, if that fits."""
    batch, *sides = shape
    sized = [DIGIT_SHAPE[0] if side is None else side for side in sides]
    return (batch, *(sized if math.prod(sized) == math.prod(DIGIT_SHAPE) else sides))


def _unrolled(model: Any) -> Any:
    """Rebuild a model with recurrent layers as a plain sequence of steps from a zero state.

    TFLite's quantizer takes no loops. An unrolled network computes the same, for any batch size.
    """
    config = model.get_config()
    if '"unroll"' not in json.dumps(config, default=str):
        return model
    unrolled = type(model).from_config(_unroll(config))
    unrolled.set_weights(model.get_weights())
    return unrolled


def _unroll(config: Any) -> Any:
    """Change the configuration of every recurrent layer, including nested ones."""
    if isinstance(config, (list, tuple)):
        return type(config)(_unroll(value) for value in config)
    if not isinstance(config, dict):
        return config
    changed = {key: _unroll(value) for key, value in config.items()}
    if "unroll" in changed:
        changed |= {"unroll": True, "stateful": False}
    for key in ("batch_shape", "batch_input_shape"):
        if isinstance(changed.get(key), (list, tuple)):
            changed[key] = _digit_sized((None, *changed[key][1:]))
    return changed


def _load_saved_model(file: KerasModelFile) -> tuple[Any, str]:
    tensorflow = import_tensorflow()
    try:
        with _quietly():
            loaded = tensorflow.saved_model.load(str(file.path))
            signatures = dict(loaded.signatures)
    # The reader raises OSError for a missing file, protobuf's and its own errors for damage.
    except Exception as error:
        reason = one_line(error)[:200]
        raise InvalidModel(
            f"{file.path} is not a SavedModel that TensorFlow can load ({reason}); export it again"
        ) from error
    if not signatures:
        raise UnsuitableModel(
            f"{file.path} has no signature to call; export it again with model.export"
        )
    # The one that serves by default, unless another reads digits and it does not.
    names = sorted(signatures, key=lambda name: name != "serving_default")
    name = next((name for name in names if _reads_digits(signatures[name])), names[0])
    # The function keeps the loaded model and its variables alive.
    signatures[name].loaded = loaded
    return _with_batch(signatures[name]), f"tensorflow {tensorflow.__version__}"


def _reads_digits(signature: Any) -> bool:
    """Return whether a signature maps one tensor of a digit's size to ten answers."""
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        return False
    (taken,), (answers,) = ([spec.shape for spec in specs.values()] for specs in (inputs, outputs))
    if taken.rank is None or answers.rank is None:
        return False
    pixels = {
        math.prod(sizes) for sizes in (taken.as_list(), taken.as_list()[1:]) if None not in sizes
    }
    return math.prod(DIGIT_SHAPE) in pixels and answers.as_list()[-1] == CLASSES


def _with_batch(signature: Any) -> Any:
    """Return the signature, or one with a batch of one if it takes a single digit."""
    tensorflow = import_tensorflow()
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1 or len(signature.structured_outputs) != 1:
        return signature
    ((name, spec),) = inputs.items()
    if spec.shape.rank is None or spec.shape.num_elements() != math.prod(DIGIT_SHAPE):
        return signature
    if spec.shape[0] == 1:
        return signature

    def forward(digits: Any) -> Any:
        (answers,) = signature(**{name: digits[0]}).values()
        return answers[tensorflow.newaxis]

    return tensorflow.function(forward, autograph=False).get_concrete_function(
        tensorflow.TensorSpec((1, *spec.shape), spec.dtype)
    )


_LOADERS: dict[str, Callable[[KerasModelFile], tuple[Any, str]]] = {
    "keras": _load_keras,
    "hdf5": _load_keras,
    "savedmodel": _load_saved_model,
}


@contextmanager
def _quietly() -> Iterator[None]:
    with capture_descriptors(1, 2), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
