from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mnist_edge.errors import NotWritable
from mnist_edge.system import paths


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home folder, without any variable that overrides it."""
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA", paths.STORE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "cache", "store"),
    [
        ("linux", ".cache/mnist-edge", ".local/share/mnist-edge/models"),
        (
            "darwin",
            "Library/Caches/mnist-edge",
            "Library/Application Support/mnist-edge/models",
        ),
        ("win32", "AppData/Local/mnist-edge", "AppData/Local/mnist-edge/models"),
    ],
)
def test_the_systems_own_folders_are_used(
    platform: str, cache: str, store: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert paths.cache_folder() == home / cache
    assert paths.store_folder() == home / store


def test_environment_variables_override_the_folders(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "d"))
    assert paths.cache_folder() == home / "c" / "mnist-edge"
    assert paths.store_folder() == home / "d" / "mnist-edge" / "models"
    monkeypatch.setenv(paths.STORE_VARIABLE, str(home / "m"))
    assert paths.store_folder() == home / "m"


def test_without_a_home_both_say_what_to_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    for folder in (paths.cache_folder, paths.store_folder):
        with pytest.raises(NotWritable, match=r"no home folder.*MNIST_EDGE_MODELS"):
            folder()
