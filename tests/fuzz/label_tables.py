"""Tables of labels, damaged, that ``report``, ``label`` and ``teach`` read."""

from __future__ import annotations

from pathlib import Path
from random import Random

from mnist_edge.data.label_table import (
    LabelRow,
    read_label_table,
    replace_labels,
    write_label_table,
)
from mnist_edge.data.labeled_pictures import find_labeled_pictures
from mnist_edge.errors import MnistEdgeError
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target, own_error

_PLAIN = b"path,label\na.png,3\nb.png,x\nc.png,\n"
_BOXES = (
    b"\xef\xbb\xbfpath,label,left,top,right,bottom,writer\n"
    b'page.jpg,4,10,20,30,40,Ann\npage.jpg,x,0,0,5,5,"B ""o"" b"\npage.jpg,,,,,,\n'
)
_TABLES = (_PLAIN, _BOXES, _PLAIN.replace(b"\n", b"\r\n"), b"label,path\n7,d.png\n")
_CELLS = (
    *(b"", b"10", b"X", b"-1", b"9" * 30, b"9" * 5000, b"1_0", b"\xd9\xa3", b"0x1", b"1.0", b" 3 "),
    *(b"/etc/passwd", b"../x", b"a" * 200_000, b'"a\nb.png"', b"\x1b[31m", b"\0", b"\xff", b'"'),
)


def _draw(random: Random) -> bytes:
    content = random.choice(_TABLES)
    if random.random() < 0.6:
        rows = content.split(b"\n")
        place = random.randrange(len(rows))
        cells = rows[place].split(b",")
        cells[random.randrange(len(cells))] = random.choice(_CELLS)
        rows[place] = b",".join(cells)
        content = b"\n".join(rows)
    return mutate(random, content, donors=_TABLES) if random.random() < 0.6 else content


def _check(content: bytes, folder: Path) -> str:
    table = folder / "labels.csv"
    table.write_bytes(content)
    try:
        rows = read_label_table(table)
        found = find_labeled_pictures(folder)
    except MnistEdgeError as error:
        assert table.read_bytes() == content, "what was refused was changed"
        return own_error(error)
    assert len(found) == sum(bool(row.label.text) for row in rows)
    write_label_table(table, rows)
    written = read_label_table(table)
    assert [*map(_kept, written)] == [*map(_kept, rows)], "a row was changed"
    path = rows[0].path
    others = [row for row in rows if row.path != path]
    assert replace_labels(rows, path, []) == others, "labels of other pictures were lost"
    return "read"


def _kept(row: LabelRow) -> tuple[object, ...]:
    """Return what a row says; one that was shorter than the first has empty cells now."""
    return row.path, row.label, {name: cell for name, cell in row.others if cell}


def _case(content: bytes, *, right: str = "MalformedData") -> KnownCase:
    return KnownCase(content=lambda: content, expected=(right,))


TARGET = Target(
    name="label_tables",
    draw=_draw,
    check=_check,
    count=300,
    known={
        "plain": _case(_PLAIN, right="read"),
        "boxes": _case(_BOXES, right="read"),
        "empty": _case(b""),
        "no rows": _case(b"path,label\n", right="DataUnavailable"),
        "UTF-16": _case(_PLAIN.decode().encode("utf-16")),
        "a box of 5,000 digits": _case(
            b"path,label,left,top,right,bottom\na.png,3,0,0," + b"9" * 5000 + b",3\n"
        ),
        "a box with a line break": _case(
            b'path,label,left,top,right,bottom\na.png,3,0,0,9,"a\nb"\n'
        ),
        "a name of 100,000 letters": _case(b"path,label\n" + b"n" * 100_000 + b",10\n"),
        "a cell without an end": _case(b'path,label\n"' + b"n" * 200_000),
    },
    megabytes=150,
)
