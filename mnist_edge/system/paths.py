"""Find this project's own folders: the user's cache and models, shipped models and samples."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mnist_edge.errors import NotWritable, installed_from

STORE_VARIABLE = "MNIST_EDGE_MODELS"
"""The environment variable that names another folder for installed models."""
_PACKAGE = Path(__file__).parents[1]
SAMPLES = _PACKAGE / "samples"
"""Pictures that come with the package."""


def shipped_models_folder() -> Path:
    """Return the folder of the models that come with this package.

    A wheel has it inside the package, a source tree and an editable install beside it.
    """
    inside = _PACKAGE / "models"
    return inside if inside.is_dir() else _PACKAGE.with_name("models")


def cloned_models_folder() -> Path | None:
    """Return the folder of models in the clone that this package was installed from.

    It has the Keras files, which a wheel is without. None if the clone is not there any more.
    """
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    url = urlsplit(installed_from() or "")
    folder = Path(url2pathname(url.path)) / "models"
    return folder if url.scheme == "file" and folder.is_dir() else None


def store_folder() -> Path:
    """Return where installed models live: ``MNIST_EDGE_MODELS``, or the system's data folder.

    Raises:
        NotWritable: this user has no home folder.
    """
    if named := os.environ.get(STORE_VARIABLE):
        return Path(named)
    folder = _user_folder(xdg="XDG_DATA_HOME", unix=".local/share", mac="Application Support")
    return folder / "models"


def cache_folder() -> Path:
    """Return where fetched data lives: the system's folder for caches.

    Raises:
        NotWritable: this user has no home folder.
    """
    return _user_folder(xdg="XDG_CACHE_HOME", unix=".cache", mac="Caches")


def state_folder() -> Path:
    """Return where what happened is remembered: the system's folder for state.

    Raises:
        NotWritable: this user has no home folder.
    """
    return _user_folder(xdg="XDG_STATE_HOME", unix=".local/state", mac="Application Support")


def daily_counts_path() -> Path:
    """Return the path of the sums of readings by day.

    Raises:
        NotWritable: this user has no home folder.
    """
    return state_folder() / "readings-by-day.db"


def _user_folder(*, xdg: str, unix: str, mac: str) -> Path:
    variable = "LOCALAPPDATA" if sys.platform == "win32" else xdg
    try:
        if sys.platform == "darwin":
            base = Path.home() / "Library" / mac
        elif named := os.environ.get(variable):
            base = Path(named)
        else:
            base = Path.home() / ("AppData/Local" if sys.platform == "win32" else unix)
    except RuntimeError as error:
        raise NotWritable(
            f"this user has no home folder to keep files in; set HOME, {STORE_VARIABLE} for models "
            "or MNIST_EDGE_DATA for data"
        ) from error
    return base / "mnist-edge"
