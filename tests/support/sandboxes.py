"""Run models in a child process that stays, and each of them once, however many tests open it."""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from mnist_edge.runtimes.sandbox import run_in_folder
from mnist_edge.runtimes.selection import RUNTIME_VARIABLE, selected_runtime
from mnist_edge.system.subprocesses import ChildLimits, call_in_child, single_threaded
from tests.support.paths import ROOT

Files = dict[str, bytes]


class SandboxCache:
    """Replaces ``call_in_child`` and keeps the results of models that ran."""

    def __init__(self) -> None:
        self._runs: dict[object, tuple[Any, Files]] = {}
        self._runners: dict[str, Runner] = {}
        self._usual_runtime = selected_runtime()

    def __call__(self, limits: ChildLimits, function: Any, *arguments: Any, **keywords: Any) -> Any:
        if function is not run_in_folder:
            return call_in_child(limits, function, *arguments, **keywords)
        folder = Path(*arguments)
        inputs = read_files(folder)
        runtime = os.environ.get(RUNTIME_VARIABLE, self._usual_runtime)
        key = (tuple(sorted(inputs.items())), runtime)
        if key not in self._runs:
            result = self._run(limits, folder, runtime)
            outputs = {k: v for k, v in read_files(folder).items() if k not in inputs}
            self._runs[key] = result, outputs
        result, outputs = self._runs[key]
        for name, content in outputs.items():
            (folder / name).write_bytes(content)
        return result

    def _run(self, limits: ChildLimits, folder: Path, runtime: str) -> Any:
        """Run a model in the child that stays or, where that fails, in one of its own."""
        if runtime not in self._runners:
            self._runners[runtime] = Runner(limits)
        result = self._runners[runtime].run(folder, limits.seconds)
        if result is None:
            self._runners.pop(runtime).close()
            result = call_in_child(limits, run_in_folder, str(folder))
        return result

    def close(self) -> None:
        """End the children."""
        while self._runners:
            self._runners.popitem()[1].close()


class Runner:
    """A child process that runs one model after another, which spares each the start of Python."""

    def __init__(self, limits: ChildLimits) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(limits.memory)],
            cwd=ROOT,
            env=single_threaded(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def run(self, folder: Path, seconds: float) -> Any | None:
        """Return what ``run_in_folder`` does, or None if it raises, crashes or takes too long."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        try:
            stdin.write(f"{folder}\n".encode())
            stdin.flush()
        except BrokenPipeError:
            return None
        if not select.select([stdout], [], [], seconds)[0]:
            return None
        return json.loads(stdout.readline() or "null")

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.communicate()


def answer() -> None:
    """Run the model in each folder that a line of standard input names."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    answers = os.fdopen(os.dup(1), "w")
    # What a runtime prints is no answer.
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            result: Any = run_in_folder(line.rstrip("\n"))
        except Exception:  # noqa: BLE001  # a child of its own says what it is
            result = None
        print(json.dumps(result), file=answers, flush=True)


def read_files(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


if __name__ == "__main__":
    answer()
