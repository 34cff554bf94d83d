"""Where the drawings of ``predict --explain`` go, and writing them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.commands.prediction_output import PictureResult
from mnist_edge.errors import InvalidValue, PictureError
from mnist_edge.system.files import file_mode, require_replaceable

if TYPE_CHECKING:
    from mnist_edge.inference.inputs import FoundPicture

_MAX_STEM = 50
"""Characters of a picture's name that its explanation takes over: no system takes names of 256
bytes, and a character may be four."""


def explanation_paths(out: str, names: Sequence[str], found: Sequence[FoundPicture]) -> list[Path]:
    """Choose where each picture's explanation goes: ``out`` itself, or a numbered file in it.

    Raises:
        InvalidValue: the path is not one of an image for one picture, is one for several, or names
            a file that is no drawing of an explanation, such as a picture to be read.
        NotWritable: the folder cannot be made or written to.
    """
    from mnist_edge.inference.explain import DRAWING_FORMATS, is_explanation

    if not out or out == "-":
        raise InvalidValue(f"--explain {out!r}: expected a file such as how.png, or a folder")
    paths = [path for path, _ in found]
    # A folder or a pattern may stand for one picture today, and for more tomorrow.
    one_picture = len(names) == 1 and paths == names
    # Path.is_dir raises for too long a name.
    is_folder = out.endswith((os.sep, "/")) or os.path.isdir(out)  # noqa: PTH112
    suffix = Path(out).suffix
    if one_picture and not is_folder:
        targets = [Path(out)]
        if suffix.lower() not in DRAWING_FORMATS:
            raise InvalidValue(
                f"--explain {out}: no format has this suffix; expected a file such as how.png, "
                f"or a folder, as {out}/"
            )
    elif suffix[1:].isalpha() and not is_folder:
        raise InvalidValue(
            f"--explain {out}: one file cannot show several pictures; expected a folder, such as "
            f"{out.removesuffix(suffix)} or {out}/"
        )
    else:
        targets = [Path(out) / _numbered(number, path) for number, path in enumerate(paths, 1)]
    read = {os.path.realpath(path) for path, error in found if not error and path != "-"}
    for target in targets:
        if os.path.realpath(target) in read:
            raise InvalidValue(f"--explain would overwrite {target}, a picture to be read")
        # Somebody may have forgotten that --explain takes a path, and named a picture next.
        if stat.S_ISREG(file_mode(target)) and not is_explanation(target):
            raise InvalidValue(
                f"--explain would overwrite {target}, which it has not drawn; name another file"
            )
    if targets:
        require_replaceable(targets[0])
    return targets


def _numbered(number: int, path: str) -> str:
    """Name one explanation of several: pictures in different folders may have the same name."""
    stem = "stdin" if path == "-" else Path(path).stem
    return f"{number:04}-{stem[:_MAX_STEM]}.png"


def write_explanations(
    results: Iterable[PictureResult], targets: Iterable[Path]
) -> Iterator[PictureResult]:
    """Draw each result into its file as it passes; a picture that was not read has no drawing."""
    from mnist_edge.inference.explain import save_explanation

    for result, target in zip(results, targets, strict=True):
        if result.trace and not isinstance(result.outcome, PictureError):
            save_explanation(target, result.trace, result.outcome, result.hypotheses)
        yield result
