from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import rows
from benchmarks.speed import growth, results


@pytest.mark.parametrize(
    ("ratio", "goal", "target", "short"),
    [
        (1.5, "at most", 1.25, 0.2),
        (1.25, "at most", 1.25, None),
        (1.5, "at least", 2.0, 0.25),
        (2.5, "at least", 2.0, None),
        (9.0, None, None, None),
    ],
)
def test_a_row_states_its_distance_from_the_target(
    ratio: float, goal: rows.Goal | None, target: float | None, short: float | None
) -> None:
    fast = goal == "at least"
    times = ([1.0, 2.0], [ratio, 2 * ratio])
    ours, theirs = times if fast else times[::-1]
    row = rows.row_of_times("it", ours, "floor", theirs, goal=goal, target=target)
    assert row.ratio == pytest.approx(ratio)
    assert row.short_by == (None if short is None else pytest.approx(short))


def test_the_page_shows_every_row_and_what_falls_short() -> None:
    missed = rows.row_of_times("slow", [3.0], "floor", [1.0], goal="at most", target=2)
    met = rows.row_of_times("quick", [1.0], "floor", [1.0], goal="at most", target=2)
    free = rows.row_of_times("free", [1.0], "peer", [2.0], goal="at least")
    page = results.page([("All", [missed, met, free])], share=1)
    assert "| slow | 3,000 ms | floor | 1,000 ms | 3.00 | 3.00 to 3.00 | at most 2 |" in page
    assert "- slow: by 50 %." in page
    assert "- quick" not in page
    assert "| free | 1,000 ms | peer | 2,000 ms | 2.00 | 2.00 to 2.00 |  |" in page


def test_every_script_of_speed_is_run() -> None:
    benchmarks = Path(results.__file__).parents[1]
    measuring = {
        f"{path.parent.name}.{path.stem}"
        for path in benchmarks.glob("*/*.py")
        if "rows import" in path.read_text()
    }
    assert measuring - {"speed.results"} == set(results.SCRIPTS)


def test_a_run_that_was_interrupted_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = rows.row_of_times("it", [2.0, 2.0], "floor", [1.0, 1.0], goal="at most", target=1)
    started = []

    def run(script: str, share: float) -> Iterator[rows.Row]:
        started.append(script)
        yield row
        if len(started) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(results, "run", run)
    kept = tmp_path / "kept.jsonl"
    scripts = ["speed.warm", "speed.growth", "speed.workers"]
    with pytest.raises(KeyboardInterrupt):
        results.measure(scripts, share=1, kept=kept, known={})
    known = results.read_kept(kept, share=1)
    assert known == {"speed.warm": [row]}
    assert results.read_kept(kept, share=0.5) == {}
    found = results.measure(scripts, share=1, kept=kept, known=known)
    assert found == {script: [row] for script in scripts}
    assert started == ["speed.warm", "speed.growth", "speed.growth", "speed.workers"]
    assert "it | 2,000 ms | floor | 1,000 ms | 2.00" in capsys.readouterr().out


def test_a_curves_exponent_is_that_of_its_upper_half() -> None:
    sizes = (1.0, 10.0, 100.0, 1e4, 1e5, 1e6)
    seconds = {size: 0.01 + 3e-6 * size**1.5 for size in sizes}
    assert growth.fit_exponent(seconds) == pytest.approx(1.5, abs=0.01)
