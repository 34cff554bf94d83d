"""Inputs of many pictures: archives and parquet, of the same pictures as a folder."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_tar(path: Path, files: Sequence[Path]) -> Path:
    """Write pictures to an archive as WebDataset has them, each with its label beside it."""
    with tarfile.open(path, "w") as archive:
        for file in files:
            archive.add(file, file.name)
            label = file.with_suffix(".cls")
            label.write_text("7")
            archive.add(label, label.name)
            label.unlink()
    return path


def write_parquet(path: Path, columns: dict[str, Any], *, rows: int = 1 << 20) -> Path:
    """Write columns in row groups of so many rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path
