"""Load the model to convert, up to its logits, from any file that Keras has ever written."""

from __future__ import annotations

import json
import math
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from converters import formats, frozen_graph, keras_2_13
from converters.formats import KerasModelFile
from converters.frozen_graph import Network
from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import InvalidModel, MissingDependency, ModelNotFound, UnsuitableModel
from mnist_edge.modelstore.manifest import Lineage, OperatingPoints
from mnist_edge.modelstore.origin import weights_sha256
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.text import one_line
from mnist_edge.training.frameworks import import_keras, import_tensorflow, import_tf_keras
from mnist_edge.training.recipes import RECIPES
from mnist_edge.training.training_record import MODEL_FILE, RECORD_FILE


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A trained network ready to be converted, with its origin."""

    path: Path
    """The model file, or the folder of a SavedModel."""
    network: Network
    """The network up to its logits, for any batch size."""
    framework: str
    """The framework that loaded it, with its version."""
    recipe: str
    """The recipe in ``training.json`` beside it; otherwise the name of the file."""
    seed: int | None
    """The training seed, if known."""
    weights_sha256: str
    """Hash of the weights in the file."""
    from_recipe: bool
    """Whether it was trained by a recipe of this project, and so takes raw pixels."""
    lineage: Lineage | None
    """Where it comes from, if it was fine-tuned with a user's pictures."""
    parent_points: OperatingPoints | None
    """The operating points of the model that it was fine-tuned from."""
    outputs: Literal["logits", "values", "unknown"]
    """What its outputs were trained as: ``values`` by a squared error or the like."""
    faults: tuple[str, ...]
    """Faults of its architecture or training that do not prevent conversion."""


def find_model_file(model: Path) -> Path:
    """Return the Keras file itself, the SavedModel, or the Keras file in a model folder.

    Raises:
        ModelNotFound: there is none.
    """
    if model.is_dir() and not (model / MODEL_FILE).is_file() and _is_saved_model(model):
        return model
    path = model / MODEL_FILE if model.is_dir() else model
    if not path.is_file():
        raise ModelNotFound(
            f"no Keras model at {path}; make one with: mnist-edge train --recipe nano, "
            "then: mnist-edge convert runs/nano"
        )
    return path


def default_output_folder(model_file: Path) -> Path:
    """Return where the files of a model go: its own folder, or one named after the file.

    Args:
        model_file: from ``find_model_file``. A SavedModel and the Keras file of a model folder have
            a folder of their own; beside any other file, files of other models may lie.
    """
    if model_file.is_dir():
        return model_file
    if model_file.name == MODEL_FILE:
        return model_file.parent
    return model_file.with_name(
        model_file.stem if model_file.suffix else f"{model_file.name}-tflite"
    )


def _is_saved_model(folder: Path) -> bool:
    return any(folder.glob("saved_model.pb*"))


def load_trained_model(path: Path, digits: NDArray[np.uint8]) -> TrainedModel:
    """Load and check a model.

    Args:
        path: a ``.keras`` or ``.h5`` file of any Keras, whatever its name, or the folder of a
            SavedModel.
        digits: ``(n, 28, 28)``, a few digits to run it on.

    Raises:
        InvalidModel: Keras cannot load the file.
        UnsuitableModel: its input is not a digit, its output is not ten answers, or it contains
            its author's code.
        MissingDependency: the workstation extra is not installed.
    """
    file = formats.identify(path)
    concrete, framework = _LOADERS[file.format](file)
    whole = frozen_graph.freeze(concrete, name=str(path))
    network, cut = frozen_graph.cut_softmax(whole)
    network = frozen_graph.free_batch(network, digits.astype(np.float32), name=str(path))
    recipe, seed, lineage, parent_points = _origin(path)
    return TrainedModel(
        path=path,
        network=network,
        framework=framework,
        recipe=recipe,
        seed=seed,
        weights_sha256=weights_sha256(path),
        from_recipe=recipe in RECIPES or lineage is not None,
        lineage=lineage,
        parent_points=parent_points,
        outputs=_outputs(cut, file.loss),
        faults=_faults(cut, formats.loss_takes_logits(file.loss)),
    )


def _outputs(cut: tuple[str, ...], loss: Any) -> Literal["logits", "values", "unknown"]:
    if cut or formats.loss_takes_logits(loss) is not None:
        return "logits"
    return "values" if formats.is_squared_error(loss) else "unknown"


def _faults(cut: tuple[str, ...], loss_takes_logits: bool | None) -> tuple[str, ...]:
    faults = []
    if len(cut) > 1:
        faults.append(
            f"softmax twice: the network ends in {' after '.join(cut)}; all are removed, train it "
            "again with at most one"
        )
    if cut and cut[0] != "log_softmax" and loss_takes_logits:
        faults.append(
            f"softmax twice: the network ends in a {cut[0]}, and was compiled with a loss with "
            "from_logits=True, which applies another; train it again with only one of the two"
        )
    if not cut and loss_takes_logits is False:
        faults.append(
            "no softmax: the network ends in logits, but was compiled with a loss that takes "
            "probabilities; train it again with from_logits=True"
        )
    return tuple(faults)


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
    model = _unrolled(model)
    (entry,) = model.inputs
    forward = tensorflow.function(lambda digits: model(digits, training=False))
    return forward.get_concrete_function(
        tensorflow.TensorSpec(tuple(entry.shape), tensorflow.as_dtype(entry.dtype))
    )


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
            changed[key] = (None, *changed[key][1:])
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


_SUFFIXES = {"hdf5": ".h5", "keras": ".keras"}
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


def _origin(path: Path) -> tuple[str, int | None, Lineage | None, OperatingPoints | None]:
    """Return the recipe, the seed, and of a fine-tuned model the lineage and the parent's points.

    They are in the record beside a model, if there is one.
    """
    if path.name != MODEL_FILE:
        return path.name, None, None, None
    try:
        record = json.loads(read_regular_file(path.parent / RECORD_FILE))
        settings, lineage = record["settings"], record.get("lineage")
        points = record.get("parent_points")
        return (
            str(settings["name"]),
            int(settings["seed"]),
            None if lineage is None else Lineage(**lineage),
            None if points is None else OperatingPoints(**points),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return path.name, None, None, None
