"""Digit models as they are published: in every format and with every convention of recent years.

Each is trained here, briefly, and written as its makers' version of Keras wrote it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Mnist
from mnist_edge.training.frameworks import import_keras, import_tensorflow
from tests.support.foreign_formats import (
    age_h5,
    age_keras,
    to_keras_2_1,
    to_tensorflow_1_14,
    to_tensorflow_2_0,
)

Reading = Callable[[NDArray[Any]], NDArray[Any]]
Output = Literal["logits", "softmax", "softmax twice", "log softmax", "sigmoid"]


def _normalized(images: NDArray[Any]) -> NDArray[Any]:
    """Normalize each column to unit length, as ``keras.utils.normalize(images, axis=1)`` does."""
    length = np.linalg.norm(images.astype(np.float64), axis=1, keepdims=True)
    normalized: NDArray[Any] = images / np.where(length == 0, 1, length)
    return normalized


READINGS: dict[str, Reading] = {
    "x": lambda images: images,
    "x/255": lambda images: images / 255,
    "1-x/255": lambda images: 1 - images / 255,
    "x/127.5-1": lambda images: images / 127.5 - 1,
    "x/255-0.5": lambda images: images / 255 - 0.5,
    "(x/255-0.1307)/0.3081": lambda images: (images / 255 - 0.1307) / 0.3081,
    "normalize(x, axis=1)": _normalized,
}
"""How ``(n, 28, 28)`` pixels of 0..255 are scaled before the model."""


@dataclass(frozen=True, kw_only=True)
class ForeignModel:
    """A published model and its properties."""

    path: Path
    """A file or, for a SavedModel, a folder."""
    reading: str
    """The entry of ``READINGS`` that it was trained with."""
    output: Output
    """The meaning of its ten outputs."""
    accuracy: float
    """Accuracy on the validation digits with its own scaling, 0..1."""
    mark: Path | None = None
    """A file that exists once Python code of the model has run."""

    @property
    def ends_in_softmax(self) -> bool:
        return self.output.startswith("softmax")


Build = Callable[[Path, Mnist], ForeignModel]


@contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings about old formats and mistakes, which are intended here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def keras_3() -> ModuleType:
    """Import Keras and reset its random numbers."""
    keras = import_keras()
    keras.utils.set_random_seed(1)
    return keras


def keras_2() -> ModuleType:
    """Import Keras 2, as in TensorFlow up to 2.15, and reset its random numbers."""
    import_tensorflow()
    with without_warnings():
        import tf_keras
    tf_keras.utils.set_random_seed(1)
    keras: ModuleType = tf_keras
    return keras


def train(
    keras: ModuleType,
    model: Any,
    digits: Mnist,
    reading: str,
    *,
    loss: Any = "sparse_categorical_crossentropy",
    optimizer: Any = None,
    epochs: int = 3,
) -> float:
    """Train briefly and return the accuracy on the validation digits."""

    def pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return READINGS[reading](images).reshape(-1, *model.input_shape[1:]).astype(np.float32)

    labels: NDArray[Any] = digits.train.labels.astype(np.int32)
    if loss == "binary_crossentropy":
        labels = np.eye(10, dtype=np.float32)[labels]
    with without_warnings():
        model.compile(
            optimizer or keras.optimizers.Adam(3e-3),
            loss,
            metrics=["accuracy"],
            jit_compile=False,
        )
        model.fit(pixels(digits.train.images), labels, batch_size=32, epochs=epochs, verbose=0)
        answers = np.asarray(model(pixels(digits.validation.images)))
    return float((answers.argmax(axis=1) == digits.validation.labels).mean())


def save(model: Any, path: Path, **options: Any) -> Path:
    """Save in the format of the path or the options."""
    with without_warnings():
        model.save(path, **options)
    return path


def logits_loss(keras: ModuleType) -> Any:
    """Return the loss for logits, which after a softmax is a common mistake."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def marking_layer(keras: ModuleType, mark: Path) -> Any:
    """Build a ``Lambda`` that divides by 255 and creates a file when its code runs."""
    code = f"lambda x: (__import__('pathlib').Path({str(mark)!r}).touch(), x / 255)[1]"
    return keras.layers.Lambda(eval(code))  # noqa: S307  # of strings: nothing is enclosed


def dense_net(
    keras: ModuleType, *, shape: tuple[int, ...] = (28, 28), last: str | None = "softmax"
) -> Any:
    """784-32-10."""
    layers = keras.layers
    flatten = [layers.Flatten()] if len(shape) > 1 else []
    hidden, output = layers.Dense(32, activation="relu"), layers.Dense(10, activation=last)
    return keras.Sequential([keras.Input(shape), *flatten, hidden, output])


def keras_2_1_h5(folder: Path, digits: Mnist) -> ForeignModel:
    """The convolutional net of the articles, as Keras alone saved it before 2.2.3."""
    keras = keras_2()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Conv2D(8, 3, activation="relu", input_shape=(28, 28, 1), name="conv2d_1"),
            layers.MaxPooling2D(name="max_pooling2d_1"),
            layers.Conv2D(16, 3, activation="relu", name="conv2d_2"),
            layers.MaxPooling2D(name="max_pooling2d_2"),
            layers.Flatten(name="flatten_1"),
            layers.Dropout(0.5, name="dropout_1"),
            layers.Dense(10, activation="softmax", name="dense_1"),
        ]
    )
    optimizer = keras.optimizers.legacy.Adam(3e-3)
    accuracy = train(keras, model, digits, "x/255", optimizer=optimizer)
    path = age_h5(save(model, folder / "mnist_cnn.h5"), "2.1.6", to_keras_2_1)
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def tensorflow_1_14_h5(folder: Path, digits: Mnist) -> ForeignModel:
    """784-500-10, functional."""
    keras = keras_2()
    inputs = keras.Input((784,), name="input_1")
    hidden = keras.layers.Dense(500, activation="relu", name="dense")(inputs)
    outputs = keras.layers.Dense(10, activation="softmax", name="dense_1")(hidden)
    model = keras.Model(inputs, outputs, name="model")
    optimizer = keras.optimizers.legacy.Adam(1e-3)
    accuracy = train(keras, model, digits, "x/255", optimizer=optimizer)
    path = age_h5(save(model, folder / "mlp.h5"), "2.2.4-tf", to_tensorflow_1_14)
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def _tutorial_net(keras: ModuleType) -> Any:
    """TensorFlow's own first tutorial."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Flatten(input_shape=(28, 28)),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )


def tensorflow_2_0_h5(folder: Path, digits: Mnist) -> ForeignModel:
    """TensorFlow's own first tutorial, its layers without a shape."""
    keras = keras_2()
    model = _tutorial_net(keras)
    optimizer = keras.optimizers.legacy.Adam(1e-3)
    accuracy = train(keras, model, digits, "x/255", optimizer=optimizer)
    path = age_h5(save(model, folder / "model.h5"), "2.2.4-tf", to_tensorflow_2_0)
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def tensorflow_2_8_h5(folder: Path, digits: Mnist) -> ForeignModel:
    """The same tutorial without the scaling of pixels."""
    keras = keras_2()
    model = _tutorial_net(keras)
    optimizer = keras.optimizers.legacy.Adam(5e-4)
    accuracy = train(keras, model, digits, "x", optimizer=optimizer, epochs=8)
    path = age_h5(save(model, folder / "model.h5"), "2.8.0")
    return ForeignModel(path=path, reading="x", output="softmax", accuracy=accuracy)


def keras_3_h5(folder: Path, digits: Mnist) -> ForeignModel:
    """TensorFlow's tutorial of today: scaled pixels, logits."""
    keras = keras_3()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )
    accuracy = train(keras, model, digits, "x/255", loss=logits_loss(keras), epochs=6)
    path = save(model, folder / "my_model.h5")
    return ForeignModel(path=path, reading="x/255", output="logits", accuracy=accuracy)


def h5_without_extension(folder: Path, digits: Mnist) -> ForeignModel:
    """Softmax regression with logits, in a file without a suffix."""
    keras = keras_2()
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
    accuracy = train(keras, model, digits, "x/255", loss=logits_loss(keras))
    path = age_h5(save(model, folder / "mnist_model", save_format="h5"), "2.4.0")
    return ForeignModel(path=path, reading="x/255", output="logits", accuracy=accuracy)


def tensorflow_2_13_keras(folder: Path, digits: Mnist) -> ForeignModel:
    """The first ``.keras`` files, whose weights go by other names than today's."""
    keras = keras_2()
    model = _tutorial_net(keras)
    accuracy = train(keras, model, digits, "x/255")
    path = age_keras(save(model, folder / "mnist.keras"))
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def tensorflow_2_13_functional(folder: Path, digits: Mnist) -> ForeignModel:
    """The same of a functional model, two convolutions and two dense layers."""
    keras = keras_2()
    layers = keras.layers
    inputs = keras.Input((28, 28, 1))
    coarse = layers.Conv2D(4, 5, strides=2, activation="relu")(inputs)
    fine = layers.Conv2D(8, 3, strides=2, activation="relu")(coarse)
    hidden = layers.Dense(32, activation="relu")(layers.Flatten()(fine))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(hidden))
    accuracy = train(keras, model, digits, "x/255")
    path = age_keras(save(model, folder / "functional.keras"))
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def keras_3_functional(folder: Path, digits: Mnist) -> ForeignModel:
    """Logits of pixels normalized by columns, as a well-known video does it."""
    keras = keras_3()
    inputs = keras.Input((28, 28))
    hidden = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10)(hidden))
    accuracy = train(keras, model, digits, "normalize(x, axis=1)", loss=logits_loss(keras))
    path = save(model, folder / "digits.keras")
    return ForeignModel(
        path=path, reading="normalize(x, axis=1)", output="logits", accuracy=accuracy
    )


def saved_model_keras_3(folder: Path, digits: Mnist) -> ForeignModel:
    """A SavedModel written by ``model.export``."""
    keras = keras_3()
    model = dense_net(keras, shape=(28, 28, 1))
    accuracy = train(keras, model, digits, "x/255")
    path = _export(model, folder / "exported")
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def saved_model_keras_2(folder: Path, digits: Mnist) -> ForeignModel:
    """A SavedModel written by Keras 2's ``model.save``, with the optimizer's slots."""
    keras = keras_2()
    model = dense_net(keras)
    optimizer = keras.optimizers.legacy.Adam(3e-3)
    accuracy = train(keras, model, digits, "x/255", optimizer=optimizer)
    path = save(model, folder / "saved_model", save_format="tf")
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def saved_model_with_lambda(folder: Path, digits: Mnist) -> ForeignModel:
    """Its graph is whole without the Python code that lies beside it, which Keras 2 runs."""
    keras = keras_2()
    layers = keras.layers
    mark = folder / "mark"
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            marking_layer(keras, mark),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    accuracy = train(keras, model, digits, "x")
    path = save(model, folder / "saved_model", save_format="tf")
    mark.unlink()
    return ForeignModel(path=path, reading="x", output="softmax", accuracy=accuracy, mark=mark)


def _export(model: Any, path: Path, **options: Any) -> Path:
    with without_warnings():
        model.export(path, format="tf_saved_model", verbose=False, **options)
    return path


def nested(folder: Path, digits: Mnist) -> ForeignModel:
    """A features extractor within a model, which scales the pixels itself."""
    keras = keras_3()
    layers = keras.layers
    features = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Flatten(),
        ],
        name="features",
    )
    model = keras.Sequential([features, layers.Dense(10, activation="softmax")])
    # Three rounds leave so many digits undecided that integers cost it four of a thousand.
    accuracy = train(keras, model, digits, "x", epochs=6)
    path = save(model, folder / "nested.keras")
    return ForeignModel(path=path, reading="x", output="softmax", accuracy=accuracy)


def batch_of_32(folder: Path, digits: Mnist) -> ForeignModel:
    """A Keras file of a fixed batch of 32."""
    keras = keras_3()
    model = dense_net(keras, shape=(28, 28, 1))
    accuracy = train(keras, model, digits, "x/255")
    inputs = keras.Input(batch_shape=(32, 28, 28, 1))
    path = save(keras.Model(inputs, model(inputs)), folder / "batch32.keras")
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def saved_model_of_batch_32(folder: Path, digits: Mnist) -> ForeignModel:
    """A SavedModel of a fixed batch of 32."""
    keras = keras_3()
    model = dense_net(keras)
    accuracy = train(keras, model, digits, "x/255")
    signature = [keras.InputSpec(dtype="float32", shape=(32, 28, 28))]
    path = _export(model, folder / "serving", input_signature=signature)
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def logits_loss_after_softmax(folder: Path, digits: Mnist) -> ForeignModel:
    """A model that ends in softmax, trained with a loss for logits."""
    keras = keras_3()
    model = dense_net(keras)
    accuracy = train(keras, model, digits, "x/255", loss=logits_loss(keras))
    path = save(model, folder / "classifier.keras")
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def logits_loss_after_softmax_h5(folder: Path, digits: Mnist) -> ForeignModel:
    """The same model in HDF5."""
    keras = keras_2()
    model = dense_net(keras)
    accuracy = train(keras, model, digits, "x/255", loss=logits_loss(keras))
    path = age_h5(save(model, folder / "classifier.h5"), "2.10.0")
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def logits_loss_after_softmax_saved(folder: Path, digits: Mnist) -> ForeignModel:
    """The same in a SavedModel, whose loss is in a file beside the graph."""
    keras = keras_2()
    model = dense_net(keras)
    accuracy = train(keras, model, digits, "x/255", loss=logits_loss(keras))
    path = save(model, folder / "classifier", save_format="tf")
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def probabilities_loss_on_logits(folder: Path, digits: Mnist) -> ForeignModel:
    """Logits, trained correctly, then compiled again with a loss for probabilities.

    Trained with that from the start it learns nothing.
    """
    keras = keras_3()
    model = dense_net(keras, last=None)
    accuracy = train(keras, model, digits, "x/255", loss=logits_loss(keras))
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy")
    path = save(model, folder / "classifier.keras")
    return ForeignModel(path=path, reading="x/255", output="logits", accuracy=accuracy)


def _read_as(reading: str) -> Build:
    """A convolutional net with an unusual scaling of pixels."""

    def build(folder: Path, digits: Mnist) -> ForeignModel:
        keras = keras_3()
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(8, 5, strides=2, activation="relu"),
                layers.Flatten(),
                layers.Dense(10, activation="softmax"),
            ]
        )
        # Three rounds leave it too unsure of itself to tell one scale from another.
        accuracy = train(keras, model, digits, reading, epochs=6)
        path = save(model, folder / "model.keras")
        return ForeignModel(path=path, reading=reading, output="softmax", accuracy=accuracy)

    return build


def activation_layer(folder: Path, digits: Mnist) -> ForeignModel:
    """Softmax as an ``Activation`` of its own behind the last ``Dense``."""
    keras = keras_2()
    model = dense_net(keras, shape=(784,), last=None)
    model.add(keras.layers.Activation("softmax"))
    accuracy = train(keras, model, digits, "x/255")
    path = age_h5(save(model, folder / "mnist_mlp.h5"), "2.4.0")
    return ForeignModel(path=path, reading="x/255", output="softmax", accuracy=accuracy)


def softmax_layer(folder: Path, digits: Mnist) -> ForeignModel:
    """Softmax as a ``Softmax`` layer."""
    return _with_softmax_layer(folder, digits, last=None, output="softmax")


def softmax_twice(folder: Path, digits: Mnist) -> ForeignModel:
    """A ``Softmax`` layer behind a ``Dense`` that has one already."""
    return _with_softmax_layer(folder, digits, last="softmax", output="softmax twice")


def _with_softmax_layer(
    folder: Path, digits: Mnist, *, last: str | None, output: Output
) -> ForeignModel:
    keras = keras_3()
    model = dense_net(keras, last=last)
    model.add(keras.layers.Softmax())
    accuracy = train(keras, model, digits, "x/255")
    path = save(model, folder / "probabilities.keras")
    return ForeignModel(path=path, reading="x/255", output=output, accuracy=accuracy)


def log_softmax(folder: Path, digits: Mnist) -> ForeignModel:
    """Logarithms of probabilities, as those who come from PyTorch like them."""
    keras = keras_3()
    model = dense_net(keras, last="log_softmax")
    # The softmax of log-probabilities is the probabilities: this is their likelihood.
    accuracy = train(keras, model, digits, "x/255", loss=logits_loss(keras))
    path = save(model, folder / "log_softmax.keras")
    return ForeignModel(path=path, reading="x/255", output="log softmax", accuracy=accuracy)


def sigmoids(folder: Path, digits: Mnist) -> ForeignModel:
    """Ten independent sigmoids."""
    keras = keras_3()
    model = dense_net(keras, last="sigmoid")
    accuracy = train(keras, model, digits, "x/255", loss="binary_crossentropy")
    path = save(model, folder / "sigmoid.keras")
    return ForeignModel(path=path, reading="x/255", output="sigmoid", accuracy=accuracy)


SOUND: dict[str, Build] = {
    build.__name__: build
    for build in (
        keras_2_1_h5,
        tensorflow_1_14_h5,
        tensorflow_2_0_h5,
        tensorflow_2_8_h5,
        keras_3_h5,
        h5_without_extension,
        tensorflow_2_13_keras,
        tensorflow_2_13_functional,
        keras_3_functional,
        saved_model_keras_3,
        saved_model_keras_2,
        saved_model_with_lambda,
        nested,
        batch_of_32,
        saved_model_of_batch_32,
        logits_loss_after_softmax,
        logits_loss_after_softmax_h5,
        logits_loss_after_softmax_saved,
        probabilities_loss_on_logits,
        activation_layer,
        softmax_layer,
        softmax_twice,
        log_softmax,
        sigmoids,
    )
} | {
    "inverted_ink": _read_as("1-x/255"),
    "mean_and_deviation": _read_as("(x/255-0.1307)/0.3081"),
    "minus_one_to_one": _read_as("x/127.5-1"),
    "minus_half_to_half": _read_as("x/255-0.5"),
}
"""Builders of models to convert, each into a folder of its own."""
