"""Run a model once in a child process, however many tests open it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mnist_edge.runtimes.sandbox import run_in_folder
from mnist_edge.runtimes.selection import RUNTIME_VARIABLE
from mnist_edge.system.subprocesses import ChildLimits, call_in_child

Files = dict[str, bytes]


class SandboxCache:
    """Replaces ``call_in_child`` and keeps the results of models that ran."""

    def __init__(self) -> None:
        self._runs: dict[object, tuple[Any, Files]] = {}

    def __call__(self, limits: ChildLimits, function: Any, *arguments: Any, **keywords: Any) -> Any:
        if function is not run_in_folder:
            return call_in_child(limits, function, *arguments, **keywords)
        folder = Path(*arguments)
        inputs = read_files(folder)
        key = (tuple(sorted(inputs.items())), os.environ.get(RUNTIME_VARIABLE))
        if key not in self._runs:
            result = call_in_child(limits, function, *arguments, **keywords)
            outputs = {k: v for k, v in read_files(folder).items() if k not in inputs}
            self._runs[key] = result, outputs
        result, outputs = self._runs[key]
        for name, content in outputs.items():
            (folder / name).write_bytes(content)
        return result


def read_files(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
