"""``mnist-edge batch`` as a user calls it; what it does is in ``deployment/cluster``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.listening import listening_addresses
from tests.support.programs import Run, start_program

_LOOK = 0.5
"""Seconds between two looks at what listens."""


@pytest.fixture
def digits(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures, one of which cannot be read, in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("digits")
    folder.mkdir()
    for number, source in enumerate(4 * sorted(pictures.rglob("*.png"))):
        (folder / f"{number:02}.png").write_bytes(source.read_bytes())
    (folder / "bad.png").write_text("no picture")
    return folder


def test_a_dry_run_says_what_it_would_read_and_writes_nothing(digits: Path, run: Run) -> None:
    said = run("batch", digits, "out", "--dry-run", "--part", "5", "--format", "jsonl")
    assert said.returncode == 0
    assert said.stdout.splitlines() == [
        f"reads   {len(list(digits.iterdir()))} pictures of digits",
        "tasks   4",
        "writes  a part of jsonl per task to out",
    ]
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["digits", "digits"], "digits is not empty"),
        (["absent", "out"], "no file or folder absent"),
        (["digits", "digits/bad.png"], "is a file"),
        (["digits", "out", "--address", "127.0.0.1:1", "--jobs", "2"], "--jobs is of this machine"),
        (["digits", "out", "--address", "127.0.0.1:1", "--runtime", "numpy"], "--runtime is of"),
        (["digits", "out", "--format", "csv"], "csv"),
    ],
)
def test_wrong_usage_is_refused_before_ray_starts(
    digits: Path, run: Run, words: list[str], reason: str
) -> None:
    refused = run("batch", *words)
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize("missing", ["ray", "pyarrow"])
def test_a_missing_library_is_named_with_its_install_line(
    digits: Path, run: Run, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [one for one in sys.modules if one.startswith("mnist_edge.deployment.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    refused = run("batch", digits, "out")
    assert refused.returncode == 1
    assert f"batch needs {missing}, which is not installed: pip install" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.slow
def test_on_this_machine_its_lines_are_those_of_predict(digits: Path, run: Run) -> None:
    expected = run("predict", "--format", "jsonl", digits)
    listened: set[str] = set()
    with start_program("batch", digits, "out", "--part", "4", "--format", "jsonl") as process:
        while process.poll() is None:
            listened |= listening_addresses(process.pid)
            time.sleep(_LOOK)
        said, warned = process.communicate()
    assert process.returncode == expected.returncode == 1
    parts = sorted(Path("out").glob("part-*"))
    assert len(parts) == -(-len(list(digits.iterdir())) // 4)
    assert "".join(part.read_text() for part in parts) == expected.stdout
    assert warned in {"", "reading\n"}
    summary: dict[str, Any] = json.loads(Path("out/_summary.json").read_text())
    assert summary["rows"] == len(list(digits.iterdir()))
    assert summary["errors"] == {"UnreadablePicture": 1}
    assert summary["model_sha256"] in said
    assert Path("out/_SUCCESS").read_bytes() == b""
    # Nobody but this machine can reach it.
    assert listened == {"127.0.0.1"}
