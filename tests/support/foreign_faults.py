"""Files that people download and that cannot be converted to a digit model.

Each is a file or folder with the words that a message on it should have.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mnist_edge.data.mnist import Digits, Mnist
from tests.support.foreign_models import dense_net, keras_2, keras_3, marking_layer, save, train
from tests.support.paths import NANO


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A file to refuse."""

    path: Path
    words: str
    """Regular expression of what the message must name."""
    mark: Path | None = None
    """A file that exists once code of the model has run."""


Build = Callable[[Path, Mnist], Fault]


def _untrained(keras: ModuleType, path: Path, *layers: Any) -> Path:
    return save(keras.Sequential(list(layers)), path)


def weights_h5(folder: Path, digits: Mnist) -> Fault:
    """The output of Keras 2's ``save_weights``, without any layer."""
    model = dense_net(keras_2())
    path = folder / "mnist_weights.h5"
    model.save_weights(path)
    return Fault(path=path, words="weights without a network")


def keras_3_weights_h5(folder: Path, digits: Mnist) -> Fault:
    """The output of Keras 3's ``save_weights``."""
    model = dense_net(keras_3())
    path = folder / "mnist.weights.h5"
    model.save_weights(path)
    return Fault(path=path, words="weights without a network")


def _with_custom_layer(keras: ModuleType, path: Path) -> Path:
    class Sharpen(keras.layers.Layer):  # type: ignore[name-defined,misc]
        # As if it stood in the script that trained the model.
        __module__ = "__main__"

        def call(self, inputs: Any) -> Any:
            return inputs * inputs

    layers = keras.layers
    return _untrained(
        keras, path, keras.Input((28, 28)), Sharpen(), layers.Flatten(), layers.Dense(10)
    )


def custom_layer_keras(folder: Path, digits: Mnist) -> Fault:
    """A custom layer."""
    path = _with_custom_layer(keras_3(), folder / "custom.keras")
    return Fault(path=path, words="Sharpen")


def custom_layer_h5(folder: Path, digits: Mnist) -> Fault:
    """The same model in HDF5."""
    path = _with_custom_layer(keras_2(), folder / "custom.h5")
    return Fault(path=path, words="Sharpen")


def _with_lambda(keras: ModuleType, path: Path) -> Fault:
    mark = path.with_name("mark")
    layers = keras.layers
    marking = marking_layer(keras, mark)
    _untrained(keras, path, keras.Input((28, 28)), marking, layers.Flatten(), layers.Dense(10))
    mark.unlink()
    return Fault(path=path, words="Lambda", mark=mark)


def lambda_keras(folder: Path, digits: Mnist) -> Fault:
    """Code in the file, which Keras 3 does not run unless told to."""
    return _with_lambda(keras_3(), folder / "lambda.keras")


def lambda_h5(folder: Path, digits: Mnist) -> Fault:
    """Code in the file, which Keras 2 runs."""
    return _with_lambda(keras_2(), folder / "lambda.h5")


def _sound_h5(folder: Path) -> bytes:
    return save(dense_net(keras_2()), folder / "model.h5").read_bytes()


def truncated_h5(folder: Path, digits: Mnist) -> Fault:
    """A truncated download."""
    content = _sound_h5(folder)
    path = folder / "model.h5"
    path.write_bytes(content[: len(content) // 2])
    return Fault(path=path, words="damaged")


def cut_h5(folder: Path, digits: Mnist) -> Fault:
    """A download whose middle is missing."""
    content = _sound_h5(folder)
    path = folder / "model.h5"
    path.write_bytes(content[:4096] + bytes(len(content) - 8192) + content[-4096:])
    return Fault(path=path, words="damaged")


def truncated_keras(folder: Path, digits: Mnist) -> Fault:
    """A truncated zip, which lacks the directory at its end."""
    path = save(dense_net(keras_3()), folder / "model.keras")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return Fault(path=path, words="damaged")


def web_page(folder: Path, digits: Mnist) -> Fault:
    """The web page about the file instead of the file."""
    path = folder / "mnist.h5"
    path.write_text(
        '\n\n<!DOCTYPE html>\n<html lang="en">\n<head><title>mnist.h5 at master</title></head>\n'
        "<body><p>View raw</p></body>\n</html>\n"
    )
    return Fault(path=path, words="web page")


def notebook(folder: Path, digits: Mnist) -> Fault:
    """A notebook under the model's name."""
    path = folder / "mnist.h5"
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["model.save('x.h5')"]}
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document, indent=1))
    return Fault(path=path, words="notebook")


def lfs_pointer(folder: Path, digits: Mnist) -> Fault:
    """A Git LFS pointer in place of the file."""
    path = folder / "mnist.keras"
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{'4d7a21' * 10}beef\nsize 1234567\n"
    )
    return Fault(path=path, words="git lfs pull")


def letters(folder: Path, digits: Mnist) -> Fault:
    """EMNIST's balanced split: digits and letters, 47 of them."""
    keras = keras_2()
    layers = keras.layers
    path = _untrained(
        keras, folder / "emnist.h5", keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(47)
    )
    return Fault(path=path, words=r"\(47,\), expected \(10,\)")


def eleven_outputs(folder: Path, digits: Mnist) -> Fault:
    """A model of ten digits and a class for anything else."""
    keras = keras_3()
    layers = keras.layers
    path = _untrained(
        keras, folder / "eleven.keras", keras.Input((28, 28)), layers.Flatten(), layers.Dense(11)
    )
    return Fault(path=path, words=r"\(11,\), expected \(10,\)")


def autoencoder(folder: Path, digits: Mnist) -> Fault:
    """An autoencoder of digits."""
    keras = keras_3()
    code, decoded = keras.layers.Dense(32), keras.layers.Dense(784, activation="sigmoid")
    path = _untrained(keras, folder / "autoencoder.keras", keras.Input((784,)), code, decoded)
    return Fault(path=path, words=r"\(784,\), expected \(10,\)")


def eight_by_eight(folder: Path, digits: Mnist) -> Fault:
    """scikit-learn's digits."""
    path = save(dense_net(keras_3(), shape=(8, 8)), folder / "digits.keras")
    return Fault(path=path, words=r"\(8, 8\), expected \(28, 28\)")


def thirty_two(folder: Path, digits: Mnist) -> Fault:
    """A model of 32x32 input, as LeNet's, without its padding."""
    path = save(dense_net(keras_3(), shape=(32, 32, 1)), folder / "lenet.keras")
    return Fault(path=path, words=r"\(32, 32, 1\), expected \(28, 28\)")


def two_inputs(folder: Path, digits: Mnist) -> Fault:
    """A model of two inputs."""
    keras = keras_3()
    layers = keras.layers
    picture, beside = keras.Input((784,)), keras.Input((1,))
    outputs = layers.Dense(10)(layers.Concatenate()([picture, beside]))
    path = save(keras.Model([picture, beside], outputs), folder / "two.keras")
    return Fault(path=path, words="2 input")


def not_a_number(folder: Path, digits: Mnist) -> Fault:
    """A model of a diverged training, with NaN weights."""
    model = dense_net(keras_3())
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    path = save(model, folder / "diverged.keras")
    return Fault(path=path, words="NaN")


def other_pictures(folder: Path, digits: Mnist) -> Fault:
    """A net of other pictures under the name of a digit model, as Fashion-MNIST's often are.

    It learnt digits whose pixels were shuffled and whose labels were exchanged: it is sure of
    itself, and reads no digit under any reading.
    """
    keras = keras_2()
    shuffle = np.random.RandomState(2).permutation(784)

    def shuffled(part: Digits) -> Digits:
        images = part.images.reshape(-1, 784)[:, shuffle].reshape(-1, 28, 28)
        return Digits(images=images, labels=((part.labels + 3) % 10).astype(np.uint8))

    model = dense_net(keras, shape=(28, 28, 1))
    others = replace(digits, train=shuffled(digits.train), validation=shuffled(digits.validation))
    train(keras, model, others, "x/255")
    path = save(model, folder / "mnist_cnn.h5")
    return Fault(path=path, words="reads digits with no pixel scaling")


def no_builtin(folder: Path, digits: Mnist) -> Fault:
    """A layer that TFLite runs only with TensorFlow's own operators."""
    keras = keras_3()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Resizing(20, 20, interpolation="bicubic"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    train(keras, model, digits, "x/255")
    path = save(model, folder / "bicubic.keras")
    return Fault(path=path, words="ResizeBicubic")


def pytorch(folder: Path, digits: Mnist) -> Fault:
    """A zip of another framework."""
    path = folder / "mnist.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mnist/data.pkl", b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.")
        archive.writestr("mnist/version", "3\n")
        archive.writestr("mnist/data/0", bytes(7840 * 4))
    return Fault(path=path, words="PyTorch")


def tflite(folder: Path, digits: Mnist) -> Fault:
    """A model that is already converted."""
    path = folder / "mnist.keras"
    shipped = NANO / "int8.tflite"
    shutil.copyfile(shipped, path)
    return Fault(path=path, words="TFLite")


def empty_file(folder: Path, digits: Mnist) -> Fault:
    path = folder / "mnist.h5"
    path.touch()
    return Fault(path=path, words="empty")


def empty_folder(folder: Path, digits: Mnist) -> Fault:
    path = folder / "saved_model"
    path.mkdir()
    return Fault(path=path, words="not a SavedModel")


FAULTS: dict[str, Build] = {
    build.__name__: build
    for build in (
        weights_h5,
        keras_3_weights_h5,
        custom_layer_keras,
        custom_layer_h5,
        lambda_keras,
        lambda_h5,
        truncated_h5,
        cut_h5,
        truncated_keras,
        web_page,
        notebook,
        lfs_pointer,
        letters,
        eleven_outputs,
        autoencoder,
        eight_by_eight,
        thirty_two,
        two_inputs,
        not_a_number,
        other_pictures,
        no_builtin,
        pytorch,
        tflite,
        empty_file,
        empty_folder,
    )
}
"""Builders of files to refuse, each into a folder of its own."""
