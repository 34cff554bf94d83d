from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from PIL import Image

from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState
from tests.support.programs import exit_status
from tests.support.readings import START, counter_reading

ERROR = "only_grows: 0.01 is less than 0.02, the previous value"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    opened = History(HistorySettings(path=path))
    for number in range(3):
        gas = counter_reading(number, region="gas", error=ERROR)
        states = dict.fromkeys(("water", "gas"), RegionState(time=START))
        opened.record([counter_reading(number), gas], states)
    opened.close()
    return path


def test_readings_are_printed_in_each_format(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("readings", str(history)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["time", "region", "value", "unit", "per", "minute", "raw", "note"]
    assert len(lines) == 7
    assert lines[2].endswith(ERROR)
    documents = {}
    for form in ("csv", "jsonl", "json"):
        assert exit_status("readings", str(history), "--format", form) == 0
        documents[form] = capsys.readouterr().out
    listed = json.loads(documents["json"])
    assert [json.loads(line) for line in documents["jsonl"].splitlines()] == listed
    rows = list(csv.DictReader(io.StringIO(documents["csv"])))
    assert [row["value"] for row in rows] == [one["value"] or "" for one in listed]
    assert [one["value"] for one in listed] == ["0.00", None, "0.01", None, "0.02", None]
    assert rows[1]["error"] == ERROR


def test_readings_are_chosen_by_time_and_region(
    tmp_path: Path, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def identifiers(*words: str) -> list[str]:
        assert exit_status("readings", str(history), "-f", "jsonl", *words) == 0
        return [json.loads(line)["reading_id"] for line in capsys.readouterr().out.splitlines()]

    assert identifiers("--region", "gas") == ["id-0", "id-1", "id-2"]
    assert identifiers("--since", "2026-11-27T00:02+00:00") == ["id-2", "id-2"]
    opened = History(HistorySettings(path=history))
    an_hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    opened.record([replace(counter_reading(9), time=an_hour_ago, reading_id="recent")], {})
    opened.close()
    assert "recent" in identifiers("--since", "2h")
    assert "recent" not in identifiers("--since", "30m")


def test_a_region_of_another_name_is_a_usage_error(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("readings", str(history), "--region", "watr") == 2
    assert "nothing is kept of a region 'watr' (did you mean 'water'?)" in capsys.readouterr().err


def test_a_plot_is_a_png_and_nothing_is_printed(
    tmp_path: Path, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "curve.png"
    assert exit_status("readings", str(history), "--plot", str(plot)) == 0
    assert capsys.readouterr().out == ""
    with Image.open(plot) as picture:
        assert (picture.format, picture.size) == ("PNG", (960, 480))
    assert exit_status("readings", str(history), "--plot", str(tmp_path / "curve.svg")) == 2
    assert "name a file that ends with .png" in capsys.readouterr().err


def test_a_wrong_previous_value_can_be_forgotten(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("readings", str(history), "--forget", "watr") == 2
    assert "did you mean 'water'?" in capsys.readouterr().err
    assert exit_status("readings", str(history), "--forget", "water") == 0
    captured = capsys.readouterr()
    assert (captured.out, "counts uncompared" in captured.err) == ("", True)
    opened = History(HistorySettings(path=history))
    assert opened.state("water") == RegionState()
    opened.close()


@pytest.mark.parametrize("since", ["yesterday", "7x", "-1d", "99999999w"])
def test_an_invalid_time_is_a_usage_error(
    history: Path, since: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("readings", str(history), "--since", since) == 2
    assert "expected a time such as 12h or 7d" in capsys.readouterr().err


def test_the_history_is_that_of_the_settings(
    history: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = history.with_name("watch.toml")
    config.write_text('[camera]\naddress = "demo:"\n')
    assert exit_status("readings", "--config", str(config), "--format", "jsonl") == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert exit_status("readings", str(history), "--config", str(config)) == 2
    assert "which names one itself" in capsys.readouterr().err
    monkeypatch.chdir(history.parent)
    assert exit_status("readings", "--format", "jsonl") == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    config.write_text('[camera]\naddress = "demo:"\n[history]\npath = "other.db"\n')
    assert exit_status("readings", "--config", str(config)) == 1
    assert "other.db" in capsys.readouterr().err


def test_a_history_that_does_not_exist_is_an_error_and_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("readings", str(tmp_path / "none.db")) == 1
    assert "no history" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_a_history_without_readings_is_not_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    History(HistorySettings(path=tmp_path / "new.db")).close()
    assert exit_status("readings", str(tmp_path / "new.db")) == 0
    assert "no readings" in capsys.readouterr().err


def test_whatever_is_in_a_cell_a_row_is_a_row_and_a_terminal_is_left_alone(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = History(HistorySettings(path=history))
    opened.record([replace(counter_reading(9), unit="m³", raw="1\r2\x9b3")], {})
    opened.close()
    outputs = {}
    for form in ("table", "csv", "jsonl", "json"):
        assert exit_status("readings", str(history), "--format", form) == 0
        outputs[form] = capsys.readouterr().out
    assert len([*csv.DictReader(io.StringIO(outputs.pop("csv"), newline=""))]) == 7
    for text in outputs.values():
        assert text.replace("\n", "").isprintable()
    assert json.loads(outputs["jsonl"].splitlines()[-1])["raw"] == "1\r2\x9b3"
