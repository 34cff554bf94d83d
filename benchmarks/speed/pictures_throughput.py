"""Time ``mnist-edge predict FOLDER`` on 10,000 PNG files beside a bare loop.

    python -m benchmarks.speed.pictures_throughput

The files are the test digits as other programs save them, black on white. The floor is a script
that decodes, makes gray, inverts, resizes and runs one after the other. Memory is flat if the whole
folder takes no more than a tenth of it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.rows import Row, count, main, row_of_peaks, row_of_times
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.evaluation.benchmark.baseline import runtime_module
from mnist_edge.evaluation.benchmark.cold_start import time_starts
from mnist_edge.modelstore import loading
from mnist_edge.system.subprocesses import code_command

FAST, FLAT = 1.9, 1.1
"""How many times as fast as the bare loop on two cores, and most memory for ten times as many."""
_ROUNDS = 3
SCRIPT = """\
import sys, pathlib, numpy as np
from PIL import Image
from {module} import Interpreter
model = Interpreter(sys.argv[1]); model.allocate_tensors()
input, output = model.get_input_details()[0], model.get_output_details()[0]
kind, (scale, zero) = np.iinfo(input["dtype"]), input["quantization"]
for path in sorted(pathlib.Path(sys.argv[2]).glob("*.png")):
    ink = 255 - np.asarray(Image.open(path).convert("L").resize((28, 28)))
    values = np.round(ink / scale + zero).clip(kind.min, kind.max).astype(input["dtype"])
    model.set_tensor(input["index"], values.reshape(input["shape"])); model.invoke()
    print(path, model.get_tensor(output["index"]).argmax())
"""
"""The bare loop, for a folder of PNG files and a model in integers."""


def measure(share: float) -> Iterator[Row]:
    """Yield rows for a folder of test digits, 10,000 at full size, and for a tenth of it."""
    images = load_test_digits().images[: count(10_000, share, least=20)]
    model = loading.load_model().path
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        whole, tenth = Path(temporary) / "whole", Path(temporary) / "tenth"
        for folder, some in ((whole, images), (tenth, images[: len(images) // 10])):
            folder.mkdir()
            for number, image in enumerate(some):
                Image.fromarray(np.invert(image)).save(folder / f"{number:05}.png")
        bare = code_command(SCRIPT.format(module=runtime_module()), model, whole)
        ours, floor = time_starts([_predict(model, whole), bare], rounds=_ROUNDS)
        (few,) = time_starts([_predict(model, tenth)], rounds=1)
    yield row_of_times(
        f"predict FOLDER of {len(images):,} PNGs",
        ours.seconds,
        "bare loop: decode, invoke",
        floor.seconds,
        goal="at least",
        target=FAST,
    )
    yield from row_of_peaks(
        f"predict FOLDER, peak memory, {len(images):,} PNGs",
        ours.peak_mib,
        f"{len(images) // 10:,} PNGs",
        few.peak_mib,
        target=FLAT,
    )


def _predict(model: Path, folder: Path) -> list[str]:
    program = [sys.executable, "-m", "mnist_edge", "predict", "--format", "jsonl"]
    return [*program, "--model", str(model), str(folder)]


if __name__ == "__main__":
    main(measure, __doc__)
