"""Files of results, damaged, that ``predict --resume`` and ``watch`` are to go on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from mnist_edge.errors import MnistEdgeError
from mnist_edge.inference.path_set import PathSet
from mnist_edge.inference.results_log import open_results_log
from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target, own_error

_NEXT = {"path": "the next picture.png", "digit": 3, "confidence": 1.0}


@cache
def _lines() -> list[bytes]:
    """Results of every kind, as they are written."""
    results = [
        {"path": "a.png", "digit": 7, "confidence": 0.998, "probabilities": [0.1] * 10},
        {"path": "in/b é\n.png", "digit": None, "abstained": "blank", "probabilities": [0.1] * 10},
        {"path": "c\udcff.png", "error": {"type": "UnreadablePicture", "message": "damaged"}},
        {"path": "d.png", "digits": [{"digit": 1, "box": [0, 1, 2, 3]}], "text": "1"},
        {"path": "x" * 300, "digit": 1, "confidence": 0.5},
    ]
    return [json.dumps(result).encode("ascii") + b"\n" for result in results]


def _draw(random: Random) -> bytes:
    lines = random.choices(_lines(), k=random.randrange(1, 6))
    if random.random() < 0.3:
        place = random.randrange(len(lines))
        # json.dumps with an indent makes lines of it.
        damaged = mutate_json(random, json.loads(lines[place]))
        lines[place] = damaged + random.choice((b"", b"\n", b"\n", b"\r\n", b"\n\n"))
    content = b"".join(lines)
    if random.random() < 0.3:
        content = content[: random.randrange(len(content) + 1)] + bytes(random.randrange(20))
    return content if random.random() < 0.3 else mutate(random, content, donors=lines)


def _check(content: bytes, folder: Path) -> str:
    path = folder / "results.jsonl"
    path.write_bytes(content)
    warnings: list[str] = []
    try:
        with open_results_log(path, PathSet(), warn=warnings.append) as log:
            log.append(_NEXT)
            failed = log.failed
    except MnistEdgeError as error:
        assert path.read_bytes() == content, "what was refused was changed"
        return own_error(error)
    written = path.read_bytes()
    lines = written.splitlines(keepends=True)
    documents = [json.loads(line) for line in written.split(b"\n")[:-1]]
    assert written.endswith(json.dumps(_NEXT).encode() + b"\n"), "the next line is not the last"
    assert lines, "no lines"
    whole = content[: content.rfind(b"\n") + 1]
    assert written.startswith(whole), "whole lines were lost"
    assert failed == sum("error" in document for document in documents)
    with open_results_log(path, warn=warnings.append) as log:
        assert all(document["path"] in log.pictures for document in documents)
    assert path.read_bytes() == written, "a sound file was changed"
    assert not warnings, warnings
    return "read"


def _case(content: bytes, *, right: str) -> KnownCase:
    make: Callable[[], bytes] = lambda: content  # noqa: E731  # a value as a maker
    return KnownCase(content=make, expected=(right,))


_A = b'{"path": "a", "digit": 1}\n'

TARGET = Target(
    name="journals",
    draw=_draw,
    check=_check,
    count=2000,
    known={
        "empty": _case(b"", right="read"),
        "garbage in the middle": _case(_A + b'garbage\n{"path": "b"}\n', right="InvalidValue"),
        "torn in the middle": _case(_A + b'{"path": "in/{"path": "b"}\n', right="InvalidValue"),
        "torn": _case(_A + b'{"path": "in/', right="read"),
        "torn with zeros": _case(_A + b'{"path": "x\0\0\0\0', right="read"),
        "zeros alone": _case(_A + bytes(6), right="read"),
        "zeros and a line break": _case(_A + bytes(6) + b"\n", right="InvalidValue"),
        "an empty line at the end": _case(_A + b"\n", right="InvalidValue"),
        "lines of Windows": _case(_A[:-1] + b'\r\n{"path": "b"}\r\n', right="read"),
        "half of a line of something else": _case(_A + b'{"digit', right="InvalidValue"),
        "a byte order mark": _case(b"\xef\xbb\xbf" + _A, right="read"),
        "nested without an end": _case(b"[" * 100_000 + b"\n", right="InvalidValue"),
        "an empty file of zeros": _case(bytes(5000), right="read"),
    },
    megabytes=150,
)
