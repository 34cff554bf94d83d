"""``labels.csv``: what is read, what is refused, and that nothing is lost when it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.data.label_table import (
    Label,
    LabelRow,
    find_label_table,
    read_label_table,
    replace_labels,
    write_label_table,
)
from mnist_edge.errors import MalformedData


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,digit\na.png,1\n", "no column label"),
        ("", "no column path"),
        ("path,label\na.png,1\nb.png,12\n", "row 3 .* label '12'"),
        ("path,label\na.png,\u00b2\n", "row 2 .* label"),
        ("path,label\na.png\n", "row 2 .* label nothing"),
        ("path,label\n,4\n", "row 2 .* path ''"),
        ("path,label,left,top,right,bottom\na.png,1,1,2,3,\n", "box 1,2,3,; expected"),
        ("path,label,left,top,right,bottom\na.png,1,5,2,3,9\n", "row 2 .* box 5,2,3,9"),
        ("path,label,left,top,right,bottom\na.png,1,-1,2,3,9\n", "row 2 .* box -1,2,3,9"),
    ],
)
def test_an_invalid_row_is_named(text: str, words: str, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(MalformedData, match=words):
        read_label_table(table)


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_any_file_is_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    table.write_bytes(b"path,label\n" + content)
    try:
        rows = read_label_table(table)
    except MalformedData:
        return
    write_label_table(table, rows)
    assert read_label_table(table) == rows


def test_a_table_keeps_columns_that_mean_nothing_here(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text('who,label,path\nme, 4 ,"a, b.png"\nyou,,c.png\n', encoding="utf-8-sig")
    rows = replace_labels(read_label_table(table), "c.png", [Label(text="x")])
    write_label_table(table, rows)
    assert table.read_text() == 'path,label,who\n"a, b.png",4,me\nc.png,x,you\n'


def test_labels_are_replaced_in_their_place() -> None:
    rows = [LabelRow(path=path, label=Label(text="1")) for path in ("a", "b", "b", "c")]
    boxes = [Label(text="2", box=(0, 0, 5, 5)), Label(text="", box=(5, 0, 9, 5))]
    replaced = replace_labels(rows, "b", boxes)
    assert [(row.path, row.label.text) for row in replaced] == [
        ("a", "1"),
        ("b", "2"),
        ("b", ""),
        ("c", "1"),
    ]
    assert [row.path for row in replace_labels(rows, "b", [])] == ["a", "c"]
    assert [row.path for row in replace_labels(rows, "d", boxes)][-2:] == ["d", "d"]


def test_a_table_on_an_absent_drive_does_not_count_as_missing(tmp_path: Path) -> None:
    assert find_label_table(tmp_path) is None
    table = tmp_path / "labels.csv"
    table.symlink_to(tmp_path / "stick" / "labels.csv")
    with pytest.raises(MalformedData, match="mount what it links to"):
        find_label_table(tmp_path)
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "labels.csv").write_text("path,label\n")
    assert find_label_table(tmp_path) == table


def test_a_message_quotes_the_ends_of_a_long_cell(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(f"path,label\na.png,{'9' * 100_000}\n")
    with pytest.raises(MalformedData) as raised:
        read_label_table(table)
    assert len(str(raised.value)) < 500
