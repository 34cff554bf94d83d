"""Run the speed benchmarks one after the other and write benchmarks/RESULTS.md.

    python -m benchmarks.speed.results
    python -m benchmarks.speed.results --share 0.05 --only speed.warm speed.jpeg_12mp --out here.md

On a machine that does nothing else: ratios hold under load, times do not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import shipped
from benchmarks.rows import Row
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.system.files import write_text
from mnist_edge.system.text import markdown_table

_SCRIPT = "The script looks for no digit in a picture, checks no model and has no command line."
_KERNELS = (
    "The kernels of tflite-runtime 2.14 take longer, as the rows of one digit show, whose integers "
    "are the same on every board. With ai-edge-litert installed instead, Classifier runs that."
)

PAGE = Path(__file__).parents[1] / "RESULTS.md"
SCRIPTS = {
    "speed.cold_start": "Starting",
    "speed.warm": "One digit more",
    "speed.throughput": "Ten thousand arrays",
    "speed.pictures_throughput": "Ten thousand files",
    "speed.serving": "Serving",
    "speed.jpeg_12mp": "A photo of twelve megapixels",
    "speed.whole_pictures": "Whole pictures",
    "speed.growth": "How time grows",
    "speed.picture_steps": "Steps of the front end",
    "peers.other_starts": "Starting, beside other runtimes",
    "peers.other_runtimes": "Other runtimes",
    "speed.stages": "Stages of the workstation",
    "speed.training_step": "Training",
    "speed.run_stages": "The whole path, stage by stage",
}
"""Headings of the scripts, in order."""
NOTES = {
    "predict digit.png, cold": "The command line (typer) and the look at what is in it are "
    "what the script does without.",
    "predict digit.png, peak memory": "The command line (typer) and the front end's modules.",
    "--version": "Nearly half of it is Python's own start, as the next row shows.",
    "serve, 8 clients, drawings": "HTTP takes 0.75 ms of a processor for a request. Thread "
    "switches of 1 and 20 ms and batches of 20 ms brought nothing; one reading thread for small "
    "pictures did.",
    **{
        f"Classifier.predict(array), {model}": "Some sixty calls, a dozen of them numpy's, "
        "tell MNIST's form, quantize, look up the softmax and make the prediction."
        for model in ("edge", "nano")
    },
    f"Classifier.predict_pixels on {available_cores()} threads": "Two cores are at most twice as "
    "fast as one, less what Python does for one thread at a time.",
    "predict FOLDER of 10,000 PNGs": "A quarter of a second of it is the start, as the first row "
    "shows, which is of one core.",
    "predict digit.png, cold, beside ai-edge-litert's interpreter": _SCRIPT,
    "predict digit.png, peak memory, beside ai-edge-litert's interpreter": _SCRIPT,
    "predict digit.png, cold, beside onnxruntime's session": _SCRIPT,
    **{
        f"Classifier.predict_pixels on {available_cores()} threads, beside {peer}": _KERNELS
        for peer in (
            "ai-edge-litert's interpreter",
            "onnxruntime's session",
            "full TensorFlow's interpreter",
        )
    },
    "a step of training edge, with its input pipeline": "numpy makes the next epoch's "
    "pictures meanwhile, on a thread for which TensorFlow's, one a core, leave no core free.",
    "preprocess a 12-megapixel JPEG": "Decoding an eighth of the size takes half as long as "
    "decoding all of it, and taking the light out of what it leaves, 500 pixels, most of the rest.",
    "predict --all of a page of 100 digits": "Each digit is scaled to 28x28 pixels by itself, and "
    "what may be two that touch is searched for the paths between them.",
}
"""Why a row misses its target, by what it measures; written by hand."""


def run(script: str, share: float) -> list[Row]:
    """Run a script and return its rows."""
    words = [sys.executable, "-m", f"benchmarks.{script}", "--share", str(share)]
    ran = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return [_row(line) for line in ran.stdout.splitlines()]


def page(results: Iterable[tuple[str, list[Row]]], *, share: float) -> str:
    """Format all rows as Markdown.

    Args:
        results: the heading and rows of each script.
        share: share of the full size that was measured.
    """
    setting = shipped.setting()
    lines = [
        "# Speed",
        "",
        "Written by `make bench`. Each ratio is the median of those of rounds in which both took "
        "turns, with",
        "its quartiles; one of a target with `at least` says how many times as fast, every other "
        "how many",
        "times as long or as large.",
        "",
        f"{setting['processor']}, {setting['machine']}; {setting['runtime']}; {setting['date']}"
        + ("" if share == 1 else f"; {share:g} of the full size"),
    ]
    missed: list[Row] = []
    for heading, rows in results:
        table = markdown_table(
            ("what", "", "floor or peer", "", "ratio", "quartiles", "target"), [*map(_cells, rows)]
        )
        lines += ["", f"## {heading}", "", table.rstrip()]
        missed += [row for row in rows if row.short_by is not None]
    lines += ["", "## What falls short", "", *_shortcomings(missed)]
    return "\n".join(lines) + "\n"


def _shortcomings(missed: list[Row]) -> Iterator[str]:
    if not missed:
        yield "Nothing."
    for row in missed:
        by = f"{100 * (row.short_by or 0):.0f} %"
        yield f"- {row.what}: by {by}. {NOTES.get(row.what, '')}".rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    low, high = row.quartiles or (None, None)
    return (
        row.what,
        f"{row.figure:,.4g} {row.unit}",
        row.against or "",
        "" if row.other is None else f"{row.other:,.4g} {row.unit}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if low is None or high is None else f"{low:.2f} to {high:.2f}",
        "" if row.target is None else f"{row.goal} {row.target:g}",
    )


def _row(line: str) -> Row:
    document = json.loads(line)
    if document["quartiles"]:
        document["quartiles"] = tuple(document["quartiles"])
    return Row(**document)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Runs the benchmarks of speed.")
    parser.add_argument("--share", type=float, default=1.0, help="of the full size, 0..1")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    parser.add_argument("--out", type=Path, default=PAGE)
    chosen = parser.parse_args()
    results = []
    for script in chosen.only:
        print(script, file=sys.stderr)
        results.append((SCRIPTS[script], run(script, chosen.share)))
    write_text(chosen.out, page(results, share=chosen.share))


if __name__ == "__main__":
    _main()
