"""Run the speed benchmarks one after the other and write benchmarks/RESULTS.md.

    python -m benchmarks.speed.results
    python -m benchmarks.speed.results --only speed.warm speed.jpeg_12mp     # the others stay
    python -m benchmarks.speed.results --share 0.05 --out here.md

On a machine that does nothing else: ratios hold under load, times do not. Every row is printed as
it is measured, and those of whole scripts are kept beside the page, in a file of JSON lines:
started again with ``--resume``, this goes on with the script that was interrupted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
    "speed.workers": "One process and several",
    "speed.serving": "Serving",
    "speed.watching": "Watching a camera",
    "speed.jpeg_12mp": "A photo of twelve megapixels",
    "speed.whole_pictures": "Whole pictures",
    "speed.growth": "How time grows",
    "speed.picture_steps": "Steps of the front end",
    "peers.other_starts": "Starting, beside other runtimes",
    "peers.other_runtimes": "Other runtimes",
    "speed.stages": "Stages of the workstation",
    "speed.report_loops": "A report beside bare loops",
    "speed.training_step": "Training",
    "speed.run_stages": "The whole path, stage by stage",
}
"""Headings of the scripts, in order."""
NOTES = {
    "predict digit.png, cold": "Tried, in millions of instructions, of which a start took 681 and "
    "the script takes 512: classes that compile no methods (-57); no typer for pictures, a model "
    "and a format, the runtime's messages captured in memory, Python's modules imported where they "
    "are used (-89 together).",
    "predict digit.png, peak memory": "Tried: the same, 3 MiB together. The rest is the front "
    "end's modules.",
    "--help": "typer itself is most of it; the list imports no command.",
    "serve, 8 clients, drawings": "Tried: thread switches of 1 and 20 ms and batches of 20 ms, "
    "which brought nothing; one reading thread for small pictures, no task for the deadline, an "
    "answer in one packet: 0.34 ms of a processor for a request's HTTP, once 0.75. Where another "
    "thread reads it is three times that: they find each other's memory in the caches.",
    **{
        f"Classifier.predict(array), {model}": "Tried: columns with ink by transposed bytes, by "
        "or-ing rows and by a product, the quickest; the softmax of ten by Python's numbers in "
        "numpy's order; pixels quantized against an array, not a number; a prediction filled at "
        "once: 9 of 29 us together. Left are the copy of the pixels and the runtime's own calls."
        for model in ("edge", "nano")
    },
    f"Classifier.predict_pixels on {available_cores()} threads": "Two cores are at most twice as "
    "fast as one, less what Python does for one thread at a time.",
    "predict FOLDER of 10,000 PNGs": "A start is of one core, that of the processes as well. "
    "Tried on 4,000: chunks of 64 and of 1,024 pictures, which change nothing, and processes that "
    "are started at once, which take half as much processor time again.",
    **{
        f"predict digit.png, {what}, beside {peer}": "The script looks for no digit in a picture, "
        "checks no model and has no command line. Tried: as for the first row of this page."
        for what in ("cold", "peak memory")
        for peer in ("ai-edge-litert's interpreter", "onnxruntime's session")
    },
    **{
        f"Classifier.predict_pixels on {available_cores()} threads, by the runtime chosen, beside "
        f"{peer}": "A prediction and ten numbers of Python's are made of each digit."
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
    "predict FOLDER of 500 photos, 2 processes": "Two programs that know nothing of each other "
    "gain no more: for 240 photos they took 3.8 to 4.2 s, two processes of one program 3.6 to "
    "4.1, and one process 6.1 to 7.8 (three rounds).",
    "predict --all of a page of 100 digits": "Of 173 candidates the 102 that may be of a line's "
    "best reading are read, in one batch; once all were. What is left is cutting what may be two "
    "digits that touch, and scaling each digit to 28x28 pixels.",
    "time against digits on a page (predict_all): 1 take": "49, 100 and 196 digits take 0.6 ms "
    "each. The page of 400 is 924 pixels large: it is read as a photo, whose light is taken out, "
    "and in three views.",
    "preprocess a photo of 640x480 pixels, light": "Of its steps, which stand above, "
    "taking the light out is 45 %, keeping the strokes 30 %, and decoding 16 %.",
}
"""Why a row misses its target, by what it measures; written by hand."""


def run(script: str, share: float) -> Iterator[Row]:
    """Run a script, and yield its rows as it prints them."""
    words = [sys.executable, "-m", f"benchmarks.{script}", "--share", str(share)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            yield _row(json.loads(line))
    if child.returncode:
        raise SystemExit(f"{script} failed; --resume goes on with it")


def measure(
    scripts: Sequence[str], *, share: float, kept: Path, known: dict[str, list[Row]]
) -> dict[str, list[Row]]:
    """Run the scripts that are not known yet; print each row, and keep those of whole scripts.

    Args:
        scripts: names, in order.
        share: of the full size.
        kept: the file of JSON lines that ``read_kept`` reads.
        known: rows by script.
    """
    kept.parent.mkdir(parents=True, exist_ok=True)
    results = dict(known)
    for script in scripts:
        if script in results:
            continue
        print(script, flush=True)
        rows = []
        for row in run(script, share):
            print(" ", " | ".join(filter(None, _cells(row))), flush=True)
            rows.append(row)
        results[script] = rows
        line = {"script": script, "share": share, "rows": [asdict(row) for row in rows]}
        with kept.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
    return results


def read_kept(kept: Path, *, share: float) -> dict[str, list[Row]]:
    """Read the rows that were kept, by script: of a script that was run again, the last.

    Args:
        kept: a file of JSON lines, which need not exist.
        share: of the full size; rows of another are left out.
    """
    lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
    documents = [json.loads(line) for line in lines]
    return {
        document["script"]: [_row(row) for row in document["rows"]]
        for document in documents
        if document["share"] == share
    }


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
        yield f"- {row.what}: by {by}. {_note(row.what)}".rstrip()


def _note(what: str) -> str:
    """Return the note on a row: the names of some go on with what was measured."""
    fitting = [name for name in NOTES if what.startswith(name)]
    return NOTES[max(fitting, key=len)] if fitting else ""


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


def _row(document: dict[str, Any]) -> Row:
    if document["quartiles"]:
        document["quartiles"] = tuple(document["quartiles"])
    return Row(**document)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Runs the benchmarks of speed.")
    parser.add_argument("--share", type=float, default=1.0, help="of the full size, 0..1")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, help="measure these; keep the others")
    parser.add_argument("--resume", action="store_true", help="go on where a run ended")
    parser.add_argument("--out", type=Path, default=PAGE)
    chosen = parser.parse_args()
    kept = chosen.out.with_suffix(".jsonl")
    known = read_kept(kept, share=chosen.share) if chosen.resume or chosen.only else {}
    if not (chosen.resume or chosen.only):
        kept.unlink(missing_ok=True)
    if chosen.only and not chosen.resume:
        known = {script: rows for script, rows in known.items() if script not in chosen.only}
    results = measure(chosen.only or [*SCRIPTS], share=chosen.share, kept=kept, known=known)
    ordered = [(SCRIPTS[script], results[script]) for script in SCRIPTS if script in results]
    write_text(chosen.out, page(ordered, share=chosen.share))


if __name__ == "__main__":
    _main()
