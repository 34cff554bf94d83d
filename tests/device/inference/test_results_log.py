from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnist_edge.errors import InvalidValue, NotWritable
from mnist_edge.inference.results_log import open_results_log


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


def lines(out: Path) -> list[dict[str, Any]]:
    """Return the results, and check that every line is complete."""
    text = out.read_text(encoding="ascii") if out.exists() else ""
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def names(out: Path) -> list[str]:
    """Return the names of the pictures in the order of their lines."""
    return [Path(line["path"]).name for line in lines(out)]


@given(kept=st.integers(1, 200), zeros=st.integers(0, 3))
def test_an_incomplete_last_line_is_removed(kept: int, zeros: int, tmp_path_factory: Any) -> None:
    out = tmp_path_factory.mktemp("torn") / "results.jsonl"
    whole = [json.dumps({"path": f"/{i}.png", "digit": i, "confidence": 1.0}) for i in range(3)]
    last = whole[2][:kept]
    out.write_text("\n".join([*whole[:2], last]) + "\0" * zeros)
    with open_results_log(out, warn=pytest.fail) as results_log:
        complete = last == whole[2] and not zeros
        assert results_log.pictures == {f"/{i}.png" for i in range(3 if complete else 2)}
        results_log.append({"path": "/new.png", "digit": 1})
    assert names(out) == ["0.png", "1.png", *(["2.png"] if complete else []), "new.png"]


@given(content=st.binary(max_size=60))
@example(content=b"[" * 200_000 + b"\n")
def test_a_file_of_any_content_is_results_or_left_alone(
    content: bytes, tmp_path_factory: Any
) -> None:
    out = tmp_path_factory.mktemp("any") / "results.jsonl"
    out.write_bytes(content)
    try:
        with open_results_log(out, warn=pytest.fail):
            pass
    except InvalidValue:
        assert out.read_bytes() == content


def test_a_full_disk_is_an_error_and_leaves_complete_lines(out: Path) -> None:
    line = {"path": "a.png", "digit": 7}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_results_log(out, warn=pytest.fail) as results_log:
        results_log.append(line)
        resource.setrlimit(resource.RLIMIT_FSIZE, (out.stat().st_size + 20, before[1]))
        try:
            with pytest.raises(NotWritable, match=f"cannot write {out}: No space left on device"):
                results_log.append({**line, "path": "b.png"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert results_log.pictures == {"a.png"}
    with open_results_log(out, warn=pytest.fail) as results_log:
        assert results_log.pictures == {"a.png"}
    assert lines(out) == [line]


def delete(out: Path) -> list[str]:
    out.unlink()
    return []


def move(out: Path) -> list[str]:
    out.rename(out.with_suffix(".1"))
    return []


def replace(out: Path) -> list[str]:
    other = out.with_suffix(".other")
    other.write_text('{"path": "z.png", "digit": 2}\n')
    other.replace(out)
    return ["z.png"]


def delete_folder(out: Path) -> list[str]:
    shutil.rmtree(out.parent)
    return []


@pytest.mark.parametrize("lose", [delete, move, replace, delete_folder])
def test_a_lost_results_file_is_started_again_with_one_warning(
    lose: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    out, warnings = tmp_path / "folder" / "results.jsonl", list[str]()
    with open_results_log(out, warn=warnings.append) as results_log:
        results_log.append({"path": "a.png", "digit": 7})
        there = lose(out)
        results_log.append({"path": "b.png", "digit": 1})
        results_log.write({"path": "c.png", "digit": 3})
        # What was read before is not read again.
        assert results_log.pictures == {"a.png", "b.png", "c.png", *there}
    assert names(out) == [*there, "b.png", "c.png"]
    (warning,) = warnings
    assert f"{out} was deleted or replaced" in warning


def test_another_file_in_its_place_is_left_alone(out: Path) -> None:
    warnings: list[str] = []
    with open_results_log(out, warn=warnings.append) as results_log:
        results_log.append({"path": "a.png", "digit": 7})
        out.unlink()
        out.write_text("shopping list\n")
        with pytest.raises(InvalidValue, match=r"line 1 of .* is not a result"):
            results_log.append({"path": "b.png", "digit": 1})
    assert len(warnings) == 1
    assert out.read_text() == "shopping list\n"
