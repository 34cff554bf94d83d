from __future__ import annotations

import random
import warnings
from pathlib import Path

import pytest

from converters import loader
from converters.conversion import Prepared
from mnist_edge.errors import InvalidModel, ModelError, ModelNotFound
from mnist_edge.training.frameworks import import_keras
from tests.support.conversions import NO_DIGITS


def test_a_file_that_is_not_keras_is_an_error_of_one_line(tmp_path: Path, nano: Path) -> None:
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
    """Truncate a file, change bytes of it, or remove a part."""
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


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_damaged_file_loads_or_is_an_error(name: str, prepared: Prepared, tmp_path: Path) -> None:
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
    assert all(str(path) in message and "\n" not in message for message in refusals)
