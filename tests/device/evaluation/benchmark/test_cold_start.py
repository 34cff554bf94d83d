from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mnist_edge.errors import ProgramFailed
from mnist_edge.evaluation.benchmark import cold_start


def test_a_program_that_fails_is_not_timed() -> None:
    with pytest.raises(ProgramFailed, match=r"status 3.*doctor"):
        cold_start.time_starts([[sys.executable, "-S", "-c", "raise SystemExit(3)"]], rounds=1)


def test_programs_are_started_in_turn(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = [
        [sys.executable, "-S", "-c", f"open({str(log)!r}, 'a').write({name!r})"] for name in "AB"
    ]
    cold_start.time_starts(commands, rounds=2)
    assert log.read_text(encoding="utf-8") == "ABABAB"  # the first of each does not count
