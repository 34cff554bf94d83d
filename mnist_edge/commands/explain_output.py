"""Where the drawings of ``predict --explain`` go, and their making."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.commands.prediction_output import PictureResult
from mnist_edge.errors import InvalidValue, PictureError
from mnist_edge.system.files import require_writable

if TYPE_CHECKING:
    from mnist_edge.inference.inputs import FoundPicture

_LONGEST = 50
"""Characters of a picture's name that its explanation takes over: no system takes names of 256
bytes, and a character may be four."""


def explanation_paths(out: str, names: Sequence[str], found: Sequence[FoundPicture]) -> list[Path]:
    """Where the explanation of each picture goes: ``out`` itself, or a numbered file in it.

    Raises:
        InvalidValue: no name, a suffix of no known format, or that of a picture to be read.
        NotWritable: the folder cannot be made or written to.
    """
    from mnist_edge.inference.explain import DRAWING_FORMATS

    if not out:
        raise InvalidValue("--explain has no name; expected a file such as how.png, or a folder")
    paths = [path for path, _ in found]
    # A folder or a pattern may stand for one picture today, and for more tomorrow.
    one_picture = len(names) == 1 and paths == names
    # Path.is_dir raises for too long a name.
    if one_picture and not out.endswith((os.sep, "/")) and not os.path.isdir(out):  # noqa: PTH112
        targets = [Path(out)]
        if targets[0].suffix.lower() not in DRAWING_FORMATS:
            raise InvalidValue(
                f"--explain {out}: no format has this suffix; expected a file such as how.png, "
                f"or a folder, as {out}/"
            )
    else:
        targets = [Path(out) / _numbered(number, path) for number, path in enumerate(paths, 1)]
    read = {os.path.realpath(path) for path, error in found if not error and path != "-"}
    for target in targets:
        if os.path.realpath(target) in read:
            raise InvalidValue(f"--explain would write over {target}, which is to be read")
    require_writable(targets[0].parent)
    return targets


def _numbered(number: int, path: str) -> str:
    """The name of one explanation of several: pictures of many folders may have one name."""
    stem = "stdin" if path == "-" else Path(path).stem
    return f"{number:04}-{stem[:_LONGEST]}.png"


def write_explanations(
    answers: Iterable[PictureResult], targets: Iterable[Path]
) -> Iterator[PictureResult]:
    """Draws each answer into its file as it passes; there is none to a picture not read."""
    from mnist_edge.inference.explain import save_explanation

    for answer, target in zip(answers, targets, strict=True):
        if answer.trace and not isinstance(answer.outcome, PictureError):
            save_explanation(target, answer.trace, answer.outcome)
        yield answer
