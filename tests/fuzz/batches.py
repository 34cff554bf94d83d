"""What ``batch`` reads: archives and parquet, damaged, and the folder of a run to go on with."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from mnist_edge.deployment.cluster.batch_run import SUCCESS, SUMMARY
from mnist_edge.deployment.cluster.plan import PLAN
from tests.fuzz.children import run_program
from tests.fuzz.fields import tar_numbers
from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target
from tests.support.paths import PICTURES

_PARTS = {b"PAR1": "part-000000.parquet", b'{"path"': "part-000000.jsonl"}
"""Names of the parts of a run, by what they begin with."""
_RUN = b"in a run: "
"""Begins a case that is a file of a run to go on with."""


@cache
def _digit() -> bytes:
    return (PICTURES / "mnist-seven.png").read_bytes()


@cache
def _inputs() -> list[bytes]:
    """Sound archives and parquet files, with pictures in each kind of column."""
    pixels = np.asarray(Image.open(PICTURES / "mnist-seven.png").convert("L")).reshape(-1)
    numbers = pa.array([1, 2, None], pa.int32())
    tables = [
        pa.table({"bytes": pa.array([_digit(), None, b"PNG"]), "n": numbers}),
        pa.table({"pixels": pa.array([pixels.tolist(), None, [1, 2]], pa.list_(pa.uint8()))}),
        pa.table({"path": [str(PICTURES / "mnist-seven.png"), None, "nowhere.png"]}),
        pa.table({"image": [{"bytes": _digit(), "path": "a.png"}, None, {"bytes": None}]}),
        pa.table({"bytes": [_digit()], "when": pa.array([1 << 62], pa.timestamp("ns"))}),
    ]
    tars = [_tar(tarfile.GNU_FORMAT), _tar(tarfile.PAX_FORMAT)]
    return [*map(_parquet, tables), *tars, gzip.compress(tars[0], mtime=0)]


def _parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=2)
    return stream.getvalue()


def _tar(kind: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for name in ("a.png", "b" * 120 + "é.png", "notes.txt"):
            header = tarfile.TarInfo(name)
            header.size = len(_digit())
            archive.addfile(header, io.BytesIO(_digit()))
    return stream.getvalue()


@cache
def _run(form: str) -> dict[str, bytes]:
    """Return the files of a run over one archive."""
    with tempfile.TemporaryDirectory(prefix="mnist-edge-fuzz-") as folder, _inside(Path(folder)):
        Path("in.tar").write_bytes(_tar(tarfile.GNU_FORMAT))
        run_program("batch", "in.tar", "out", "--jobs", "1", "--format", form)
        return {path.name: path.read_bytes() for path in Path("out").iterdir()}


@contextlib.contextmanager
def _inside(folder: Path) -> Any:
    """Work in a folder: a plan has the names of its pictures, and where they begin."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _draw(random: Random) -> bytes:
    if random.random() < 0.4:
        return _RUN + _draw_of_run(random)
    content = random.choice(_inputs())
    if content.startswith(b"PAR1"):
        # Half of the damage goes to the description at the end.
        size = int.from_bytes(content[-8:-4], "little") + 8
        if random.random() < 0.5:
            return content[:-size] + mutate(random, content[-size:-8]) + content[-8:]
        return mutate(random, content, donors=_inputs())
    if content.startswith(b"\x1f\x8b"):
        if random.random() < 0.5:
            content = _inputs()[-2]
            damaged = mutate(random, content, numbers=tar_numbers(content))
            return gzip.compress(damaged, mtime=0)
        return mutate(random, content)
    return mutate(random, content, numbers=tar_numbers(content), donors=_inputs())


def _draw_of_run(random: Random) -> bytes:
    run = _run(random.choice(("parquet", "jsonl")))
    name = random.choice([one for one in run if one not in (SUCCESS, SUMMARY)])
    if name.endswith(".json"):
        document = json.loads(run[name])
        document.pop("mnist_edge")
        return mutate_json(random, document)
    if name.endswith(".jsonl") and random.random() < 0.5:
        lines = run[name].splitlines()
        lines[0] = mutate_json(random, json.loads(lines[0])).replace(b"\n", b"")
        return b"\n".join(lines) + b"\n"
    return mutate(random, run[name])


def _check(content: bytes, folder: Path) -> str:
    with _inside(folder):
        if content.startswith(_RUN):
            return _go_on(content.removeprefix(_RUN))
        name = "in.tar"
        if content.startswith(b"PAR1"):
            name = "in.parquet"
        elif content.startswith(b"\x1f\x8b"):
            name = "in.tar.gz"
        Path(name).write_bytes(content)
        said = run_program("batch", name, "out", "--jobs", "1", "--format", "jsonl")
        if not said:
            assert not Path("out", SUCCESS).exists()
            return "refused"
        rows = Path("out", "part-000000.jsonl").read_bytes().splitlines()
        assert json.loads(Path("out", SUMMARY).read_bytes())["rows"] == len(rows)
        return "read" if all("error" not in json.loads(row) for row in rows) else "damaged"


def _go_on(content: bytes) -> str:
    """Go on with a run one of whose files is another."""
    start = next((start for start in _PARTS if content.startswith(start)), b"")
    form = "jsonl" if start.startswith(b"{") else "parquet"
    Path("in.tar").write_bytes(_tar(tarfile.GNU_FORMAT))
    Path("out").mkdir()
    for name, sound in _run(form).items():
        if name not in (SUCCESS, SUMMARY):
            plan = sound.replace(*_folders(sound)) if name == PLAN else sound
            Path("out", name).write_bytes(plan)
    Path("out", _PARTS.get(start, PLAN)).write_bytes(content)
    said = run_program("batch", "in.tar", "out", "--jobs", "1", "--format", form, "--resume")
    return "read" if said else "refused"


def _folders(plan: bytes) -> tuple[bytes, bytes]:
    """Return the folder that a plan was made in, and this one."""
    return json.loads(plan)["plan"]["folder"].encode(), str(Path.cwd()).encode()


def _case(content: Callable[[], bytes], *, right: str) -> KnownCase:
    return KnownCase(content=content, expected=(right,))


def _run_case(content: bytes) -> KnownCase:
    return _case(lambda: _RUN + content, right="refused")


def _negative_size() -> bytes:
    """An archive whose second member goes back."""
    content = bytearray(_tar(tarfile.GNU_FORMAT))
    content[124:136] = b"\xff" * 10 + b"\xfc\x00"
    return bytes(content)


TARGET = Target(
    name="batches",
    draw=_draw,
    check=_check,
    count=100,
    known={
        "an archive": _case(lambda: _tar(tarfile.PAX_FORMAT), right="read"),
        "parquet": _case(lambda: _inputs()[0], right="damaged"),
        "a negative size": _case(_negative_size, right="damaged"),
        "an archive that is cut off": _case(lambda: _inputs()[-1][:150], right="damaged"),
        "a plan without an end": _run_case(b"[" * 200_000),
        "a plan that is a list": _run_case(b"[]"),
        "a part that is none": _run_case(b'{"path": 1}\n{"error": []}\n'),
        "a part of other columns": _run_case(_parquet(pa.table({"n": [1]}))),
        "a part that is cut off": _run_case(_parquet(pa.table({"n": [1]}))[:-20]),
    },
    megabytes=150,
)
