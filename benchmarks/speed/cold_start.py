"""Compare a start of the program with a bare script and with bare Python.

    python -m benchmarks.speed.cold_start

The script opens the picture, makes it gray, inverts and resizes it, and runs the model on the same
runtime; it does not look for the digit, check the model, or have a command line. All take turns, in
processes of their own, after one round that does not count.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from benchmarks.rows import Row, count, main, row_of_peaks, row_of_times
from mnist_edge.evaluation.benchmark.baseline import script_argv
from mnist_edge.evaluation.benchmark.cold_start import predict_argv, time_starts
from mnist_edge.modelstore import loading

PICTURE = Path(str(resources.files("mnist_edge.samples"))) / "digit.png"
WALL, MEMORY = 1.10, 1.10
"""Most that predict may take of the script's time and memory."""
LISTS = {"--version": 0.8, "--help": 1.0}
"""Most that they may take of the time to import typer."""
IMPORT = 1.02
"""Most that importing the package may take of the time to import numpy."""
_HEAVY = ("numpy", "PIL", "tflite_runtime", "ai_edge_litert")
"""Packages that --help and --version must not import."""


def measure(share: float) -> Iterator[Row]:
    """Yield rows of starts; twenty of each at full size."""
    rounds = count(20, share, least=2)
    model = loading.load_model().path
    ours, script = time_starts(
        [predict_argv(model, PICTURE), script_argv(model, PICTURE)], rounds=rounds
    )
    yield row_of_times(
        "predict digit.png, cold",
        ours.seconds,
        "bare script",
        script.seconds,
        goal="at most",
        target=WALL,
    )
    yield from row_of_peaks(
        "predict digit.png, peak memory",
        ours.peak_mib,
        "bare script",
        script.peak_mib,
        target=MEMORY,
    )
    program = [sys.executable, "-m", "mnist_edge"]
    commands = {
        "--version": [*program, "--version"],
        "--help": [*program, "--help"],
        "python -c 'import typer'": [sys.executable, "-c", "import typer"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    version, help_, typer, bare = time_starts(list(commands.values()), rounds=rounds)
    for what, starts in (("--version", version), ("--help", help_)):
        yield row_of_times(
            what,
            starts.seconds,
            "python -c 'import typer'",
            typer.seconds,
            goal="at most",
            target=LISTS[what],
        )
        yield row_of_times(what, starts.seconds, "python -c pass", bare.seconds)
        yield Row(
            what=f"{what}, packages of numpy, Pillow and runtimes imported",
            figure=len(_imported([*program[1:], what])),
            unit="packages",
            goal="at most",
            target=0,
        )
    package, numpy = time_starts(
        [[sys.executable, "-c", f"import {name}"] for name in ("mnist_edge", "numpy")],
        rounds=rounds,
    )
    yield row_of_times(
        "import mnist_edge",
        package.seconds,
        "import numpy",
        numpy.seconds,
        goal="at most",
        target=IMPORT,
    )


def _imported(words: list[str]) -> set[str]:
    """Return the heavy packages that a start imports, by Python's import log."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=True
    ).stderr
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines()}
    return names.intersection(_HEAVY)


if __name__ == "__main__":
    main(measure, __doc__)
