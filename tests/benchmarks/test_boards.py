"""Emulated microcontrollers run the generated C: every golden logit, within bytes and steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.boards.boards import BOARDS, Board, Measurement, measure, missing_tools
from converters.c.source import CSource, generate
from mnist_edge.modelstore.loading import load_model
from tests.support.paths import EDGE, MICRO, NANO

MAX_FLASH, MAX_RAM = 13_000, 5_500
"""Bytes of ``nano`` on the Cortex-M3, for code and constants, and for data, input and stack."""
MAX_INSTRUCTIONS = 5_500_000
"""For a digit of ``nano`` on the Cortex-M3."""
MICRO_FLASH, MICRO_RAM = 5_500, 2_000
"""Bytes of ``micro`` on the Cortex-M0 of a micro:bit, as above."""


def source_of(folder: Path) -> CSource:
    stored = load_model(folder)
    assert stored.manifest is not None
    return generate(stored.content, stored.manifest)


def measure_on(
    board: Board, source: CSource, folder: Path, *, optimization: str, with_read: bool = False
) -> Measurement:
    if missing := missing_tools(board):
        pytest.skip(f"this machine has no {', '.join(missing)}")
    return measure(board, source, folder, optimization=optimization, with_read=with_read)


@pytest.fixture(scope="module")
def nano_source() -> CSource:
    return source_of(NANO)


@pytest.mark.slow
@pytest.mark.parametrize("optimization", ["-Os", "-O2"])
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_no_golden_logit_is_wrong_and_a_picture_is_read(
    board: Board, optimization: str, nano_source: CSource, tmp_path: Path
) -> None:
    found = measure_on(board, nano_source, tmp_path, optimization=optimization, with_read=True)
    assert found.wrong == 0
    assert (found.read_status, found.read_digit) == (0, 1)
    # The micro:bit has 16 KB, 4 KB of which the picture took.
    assert found.read_stack is not None
    assert found.ram + found.read_stack < 6_000


@pytest.mark.slow
def test_nano_stays_within_its_bytes_on_the_cortex_m3(nano_source: CSource, tmp_path: Path) -> None:
    [board] = [one for one in BOARDS if one.name == "mps2-an385"]
    found = measure_on(board, nano_source, tmp_path, optimization="-Os")
    assert found.flash <= MAX_FLASH
    assert found.ram + found.stack <= MAX_RAM
    assert found.instructions <= MAX_INSTRUCTIONS


@pytest.mark.slow
def test_micro_stays_within_its_bytes_on_a_microbit(tmp_path: Path) -> None:
    [board] = [one for one in BOARDS if one.name == "microbit"]
    found = measure_on(board, source_of(MICRO), tmp_path, optimization="-Os")
    assert found.wrong == 0
    assert found.flash <= MICRO_FLASH
    assert found.ram + found.stack <= MICRO_RAM


@pytest.mark.slow
def test_two_multiplications_at_a_time_are_faster(nano_source: CSource, tmp_path: Path) -> None:
    counts = []
    for name in ("mps2-an385", "mps2-an386"):
        [board] = [one for one in BOARDS if one.name == name]
        found = measure_on(board, nano_source, tmp_path, optimization="-O2")
        counts.append(found.instructions)
    plain, paired = counts
    assert paired < 0.85 * plain


@pytest.mark.slow
def test_edge_runs_on_a_cortex_m4(tmp_path: Path) -> None:
    [board] = [one for one in BOARDS if one.name == "netduinoplus2"]
    assert measure_on(board, source_of(EDGE), tmp_path, optimization="-Os").wrong == 0
