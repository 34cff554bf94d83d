"""Print the table of boards in the model card: ``python -m benchmarks.boards.results``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.boards.boards import BOARDS, measure, missing_tools
from converters.c.source import generate
from mnist_edge.modelstore.loading import load_model

MODELS = ("micro", "nano", "edge")
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measure each model on each board that it fits on."""
    print("| model | board | core | | flash | RAM | stack | instructions | wrong |")
    print("| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name in MODELS:
        stored = load_model(ROOT / "models" / name)
        if stored.manifest is None:
            raise SystemExit(f"{name} has no manifest")
        source = generate(stored.content, stored.manifest)
        for board in BOARDS:
            if missing := missing_tools(board):
                print(f"{board.title} was left out: no {', '.join(missing)}")
                continue
            for optimization in ("-Os", "-O2"):
                with tempfile.TemporaryDirectory() as folder:
                    found = measure(board, source, Path(folder), optimization=optimization)
                print(
                    f"| `{name}` | {board.title} | {board.core} | `{optimization}` | "
                    f"{found.flash:,} | {found.ram:,} | {found.stack} | {found.instructions:,} | "
                    f"{found.wrong} |"
                )


if __name__ == "__main__":
    main()
