from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.errors import InvalidModel, UnsuitableModel
from mnist_edge.runtimes.numpy_backend.executor import NumpyBackend
from tests.support.paths import NUMPY_MODELS


def run_once(content: bytes) -> None:
    """Open and run a model, or check that it is refused in one line."""
    try:
        engine = NumpyBackend(content)
        if len(engine.inputs) != 1 or len(engine.outputs) != 1:
            return
        [taken], [given_] = engine.inputs, engine.outputs
        values = np.zeros((2, *taken.shape), taken.dtype)
        assert engine.invoke(values).shape == (2, *given_.shape)
    except (InvalidModel, UnsuitableModel) as error:
        assert "\n" not in str(error)  # noqa: PT017


CONTENTS = {path.stem: path.read_bytes() for path in NUMPY_MODELS if len(path.read_bytes()) < 5_000}


@given(st.sampled_from(sorted(CONTENTS)), st.data())
def test_a_model_with_damaged_bytes_is_run_or_refused(name: str, data: st.DataObject) -> None:
    damaged = bytearray(CONTENTS[name])
    places = st.integers(8, len(damaged) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        damaged[place] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 255]))
    run_once(bytes(damaged))


@pytest.mark.parametrize("name", ["operators-depthwise", "operators-kept", "operators-maximum"])
def test_a_model_with_any_one_word_damaged_is_run_or_refused(name: str) -> None:
    whole = CONTENTS[name]
    random = np.random.default_rng(0)
    for place in random.permutation(np.arange(0, len(whole) - 4, 4))[:80]:
        for word in (b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x40\0\0\0"):
            run_once(whole[:place] + word + whole[place + 4 :])


@given(st.sampled_from(sorted(CONTENTS)), st.data())
def test_a_truncated_model_is_run_or_refused(name: str, data: st.DataObject) -> None:
    whole = CONTENTS[name]
    run_once(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises((InvalidModel, UnsuitableModel)):
        NumpyBackend(b"\x10\0\0\0TFL3" + content)
    with pytest.raises(InvalidModel):
        NumpyBackend(content[:4] + b"TFL2" + content)
