"""Modernize ``.keras`` files of TensorFlow 2.13, whose weights no later Keras finds.

The format was new then. Weights are stored under ``_layer_checkpoint_dependencies``, later releases
look under ``layers``; and a layer with weights was counted twice, so that a network's dense layers
are called ``dense``, ``dense_2`` and ``dense_4`` instead of ``dense``, ``dense_1`` and ``dense_2``.
Found by comparing files of 2.13.1 with current ones.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

_WEIGHTS = "model.weights.h5"
_OLD, _NEW = "_layer_checkpoint_dependencies", "layers"


def modernize(path: Path, target: Path) -> bool:
    """Write a copy in which the maintained Keras 2 finds the weights, if one is needed.

    Args:
        path: a ``.keras`` file of any Keras.
        target: where the copy goes.

    Returns:
        Whether the file had the old layout, and ``target`` was written.
    """
    import h5py

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if _WEIGHTS not in parts:
        return False
    weights = io.BytesIO(parts[_WEIGHTS])
    with h5py.File(weights, "r+") as file:
        old: list[str] = []
        file.visit(lambda name: old.append(name) if name.split("/")[-1] == _OLD else None)
        # From the innermost outwards, so that no path changes before it is used.
        for group in sorted(old, key=len, reverse=True):
            _renumber(file[group])
            file.move(group, group.removesuffix(_OLD) + _NEW)
    if old:
        parts[_WEIGHTS] = weights.getvalue()
        with zipfile.ZipFile(target, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
    return bool(old)


def _renumber(group: Any) -> None:
    """Give the layers of each class consecutive numbers, in their order."""
    classes: dict[str, list[tuple[int, str]]] = {}
    for name in group:
        stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name).groups()  # type: ignore[union-attr]  # it matches any name
        classes.setdefault(stem, []).append((int(number or 0), name))
    for stem, layers in classes.items():
        for number, (_, name) in enumerate(sorted(layers)):
            renamed = f"{stem}_{number}" if number else stem
            if renamed != name:
                group.move(name, renamed)
