"""``.keras`` and ``.h5`` files, damaged: in their bytes, and in what their archives hold."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from converters import loader
from mnist_edge.errors import MnistEdgeError
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.training.frameworks import import_keras
from tests.fuzz.fields import zip_numbers
from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target, own_error
from tests.support.archives import pack_zip

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
"""What a ``.keras`` holds."""
_DIGITS = np.zeros((2, 28, 28), np.uint8)


@cache
def _whole() -> dict[str, bytes]:
    """A small network in both formats, compiled so that there is a loss to read."""
    import tempfile

    keras = import_keras()
    model = keras.Sequential(
        [
            keras.layers.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(2, 5, strides=4, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy")
    found = {}
    with tempfile.TemporaryDirectory() as folder, capture_descriptors(1, 2):
        for suffix in (".keras", ".h5"):
            path = Path(folder) / f"model{suffix}"
            with warnings.catch_warnings():
                # Keras calls HDF5 legacy, which is why others still have it.
                warnings.simplefilter("ignore")
                model.save(path)
            found[suffix] = path.read_bytes()
    return found


@cache
def _members() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(_whole()[".keras"])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _draw(random: Random) -> bytes:
    kind, members = random.random(), _members()
    if kind < 0.2:
        return mutate(random, _whole()[".h5"])
    if kind < 0.4:
        methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        method = random.choice(methods)
        content = pack_zip(members, method)
        return mutate(random, content, numbers=zip_numbers(content))
    name = random.choice((_CONFIG, _CONFIG, _CONFIG, _METADATA, _WEIGHTS))
    if name == _WEIGHTS or random.random() < 0.1:
        return pack_zip({**members, name: mutate(random, members[name])})
    return pack_zip({**members, name: mutate_json(random, json.loads(members[name]))})


def _check(content: bytes, folder: Path) -> str:
    path = folder / "model.keras"
    path.write_bytes(content)
    try:
        loaded = loader.load_trained_model(path, _DIGITS)
    except MnistEdgeError as error:
        return own_error(error)
    assert len(loaded.weights_sha256) == 64
    return "read"


def _zipped(config: Any, *, right: tuple[str, ...] = ("InvalidModel",)) -> KnownCase:
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    return KnownCase(content=lambda: pack_zip({_CONFIG: text}), expected=right)


def _changed_byte() -> bytes:
    content = bytearray(pack_zip(_members()))
    place = content.find(b"config.json") + 60
    content[place] ^= 0xFF
    content[place + 1] ^= 0xFF
    return bytes(content)


def _encrypted() -> bytes:
    content = bytearray(pack_zip({_CONFIG: b"{}"}))
    content[6] |= 1
    content[content.find(b"PK\1\2") + 8] |= 1
    return bytes(content)


def _damaged_weights() -> bytes:
    """Weights that lead HDF5's reader astray, in an archive whose checksums are right."""
    weights = bytearray(_members()[_WEIGHTS])
    for place in range(24, 96, 4):
        weights[place] ^= 0x55
    return pack_zip({**_members(), _WEIGHTS: bytes(weights)})


def _with_config(change: Callable[[dict[str, Any]], None]) -> Callable[[], bytes]:
    def make() -> bytes:
        config = json.loads(_members()[_CONFIG])
        change(config)
        return pack_zip({**_members(), _CONFIG: json.dumps(config).encode()})

    return make


def _set_policy(config: dict[str, Any]) -> None:
    for layer in config["config"]["layers"]:
        layer["config"]["dtype"] = {"class_name": "DTypePolicy", "config": "float32"}


def _set_loss(config: dict[str, Any]) -> None:
    config["compile_config"]["loss"] = {"class_name": "CategoricalCrossentropy", "config": [1]}


def _invalid(content: Callable[[], bytes]) -> KnownCase:
    return KnownCase(content=content, expected=("InvalidModel",))


def _nested(levels: int, start: bytes, end: bytes) -> bytes:
    return start * levels + b"{}" + end * levels


_REFUSED = ("InvalidModel", "UnsuitableModel")

TARGET = Target(
    name="keras_files",
    draw=_draw,
    check=_check,
    count=15,
    known={
        "sound .keras": KnownCase(content=lambda: _whole()[".keras"], expected=("read",)),
        "sound .h5": KnownCase(content=lambda: _whole()[".h5"], expected=("read",)),
        "a byte of a deflated member": _invalid(_changed_byte),
        "encrypted": _invalid(_encrypted),
        "a list without an end": _zipped(b"[" * 200_000),
        "an object of 900 levels": _zipped(_nested(900, b'{"config":', b"}")),
        "a layer of 980 levels": _zipped(
            _nested(980, b'{"class_name":"A","config":', b"}"), right=_REFUSED
        ),
        "a module that is a list": _zipped(
            {"class_name": "Dense", "config": {}, "module": ["x"]}, right=_REFUSED
        ),
        "a name that is a list": _zipped(
            {"class_name": "Lambda", "config": {"name": [1]}}, right=_REFUSED
        ),
        "a registered name that is a number": _zipped(
            {"class_name": "X", "config": {}, "module": "y", "registered_name": 5}, right=_REFUSED
        ),
        "a loss that is a list": _zipped(
            {"class_name": "Sequential", "config": {}, "compile_config": [1]}
        ),
        "weights that lead astray": _invalid(_damaged_weights),
        "spaces without an end": _invalid(
            lambda: pack_zip({**_members(), _CONFIG: b" " * 400_000_000}, level=1)
        ),
        "a type policy of text": KnownCase(
            content=_with_config(_set_policy), expected=("InvalidModel",)
        ),
        "a loss of a list": KnownCase(content=_with_config(_set_loss), expected=("read",)),
        "not UTF-8": _zipped(b"\xff\xfe"),
    },
)
