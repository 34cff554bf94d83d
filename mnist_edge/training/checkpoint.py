"""Checkpoints: everything that the rest of an interrupted run depends on, in one file."""

from __future__ import annotations

import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mnist_edge.errors import CheckpointMismatch
from mnist_edge.system.files import read_regular_file, write_bytes
from mnist_edge.system.text import one_line

_MAX_BYTES = 1 << 32
"""Bytes of a checkpoint: the weights of the largest network, thrice."""


@dataclass(kw_only=True)
class Progress:
    """How far a run is; the fields are those of ``TrainingRecord``."""

    step: int = 0
    """Steps done."""
    rounds: list[dict[str, float]] = field(default_factory=list)
    """One entry per validation."""
    losses: list[tuple[int, float]] = field(default_factory=list)
    """Step and loss of single batches."""
    seconds: float = 0.0
    """Wall time of all rounds, without interruptions."""


def save_checkpoint(
    path: Path, progress: Progress, variables: Sequence[Any], *, settings: dict[str, Any]
) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the file to write.
        progress: how far the run is.
        variables: Keras' variables, of the network and of its optimizer.
        settings: the recipe as JSON; only a run with the same settings can resume.

    Raises:
        NotWritable: the file cannot be written.
    """
    state = {"settings": settings, **asdict(progress)}
    stream = io.BytesIO()
    np.savez(
        stream,
        *[np.asarray(variable) for variable in variables],
        state=np.array(json.dumps(state)),
    )
    write_bytes(path, stream.getvalue())


def restore_checkpoint(
    path: Path, variables: Sequence[Any], *, settings: dict[str, Any]
) -> Progress:
    """Read a checkpoint and assign its values to the variables.

    Raises:
        CheckpointMismatch: it is damaged, or of a run with other settings.
    """
    try:
        # From memory, since numpy leaves the file of a path open if it is not an archive.
        with np.load(io.BytesIO(read_regular_file(path, max_bytes=_MAX_BYTES))) as archive:
            state = json.loads(str(archive["state"]))
            values = [archive[f"arr_{index}"] for index in range(len(archive.files) - 1)]
        settings_found = state.pop("settings")
        progress = Progress(**state)
        progress.losses = [(step, loss) for step, loss in progress.losses]
    except (
        *(OSError, ValueError, TypeError, KeyError, AttributeError, EOFError),
        *(RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    ) as error:
        raise CheckpointMismatch(
            f"{path} is not a checkpoint ({one_line(error)}); train again without --resume"
        ) from error
    if settings_found != settings or len(values) != len(variables):
        raise CheckpointMismatch(
            f"{path} belongs to a run with other settings; give the same settings, "
            "or train again without --resume"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return progress
