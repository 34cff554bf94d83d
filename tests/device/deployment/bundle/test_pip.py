from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from mnist_edge.deployment.bundle import pip
from mnist_edge.errors import BundleFailed, MissingDependency


@pytest.mark.slow
def test_the_last_error_of_pip_is_the_message() -> None:
    with pytest.raises(BundleFailed) as failed:
        pip.run_pip(["fly"], doing="flying")
    assert str(failed.value) == (
        'pip failed at flying: unknown command "fly"; check the network and pip\'s index, and try '
        "again"
    )


def test_a_python_without_pip_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip, "find_spec", lambda name: importlib.util.find_spec(f"{name}_is_not"))
    with pytest.raises(MissingDependency, match=rf"{Path(sys.executable).name} -m ensurepip"):
        pip.run_pip(["--version"], doing="looking")
