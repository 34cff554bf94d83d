from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from converters import verify
from converters.conversion import Prepared
from converters.operators import DEFAULT_TARGET, read_operators, require_target, unknown_to
from mnist_edge.errors import InvalidModel, UnknownName
from mnist_edge.runtimes.sandbox import run_sandboxed
from tests.support.conversions import edit_model, sound_model


def test_an_unknown_target_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"tflite-runtime==2.14.0, ai-edge-litert==2.1.0"):
        require_target("tflite-runtime==2.13.0")


def _convolutions_of_version(version: int, model: Any) -> None:
    model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex].version = version


def test_the_targets_list_agrees_with_the_installed_runtime(prepared: Prepared) -> None:
    # The runtime must refuse the version after the listed one, and load the listed one.
    for version, loads in ((7, True), (8, False)):
        content = edit_model(sound_model(), partial(_convolutions_of_version, version))
        assert bool(unknown_to(DEFAULT_TARGET, read_operators(content))) is not loads
        if loads:
            run_sandboxed(content, prepared.mnist.validation.images[:1], name="edited")
        else:
            with pytest.raises(InvalidModel, match=r"CONV_2D.*version"):
                run_sandboxed(content, prepared.mnist.validation.images[:1], name="edited")


def test_a_runtime_other_than_the_target_is_reported() -> None:
    assert verify.runtime_mismatch(DEFAULT_TARGET) is None
    warning = verify.runtime_mismatch("ai-edge-litert==2.1.0")
    assert warning is not None
    assert "run on tflite-runtime 2.14.0" in warning
