from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from tests.support.paths import SAMPLE
from tests.support.programs import exit_status


def test_jsonl_has_one_documented_line_per_picture(
    digit_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, blank = digit_folder / "broken.png", digit_folder / "white.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Image.new("L", (40, 40), 255).save(blank)
    names = [str(digit_folder / "a.png"), str(broken), str(blank), str(digit_folder / "c.png")]
    assert exit_status("predict", "--format", "jsonl", *names) == 1
    out, err = capsys.readouterr()
    assert err == ""
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["path"] for line in lines] == names
    assert list(lines[0]) == ["path", "digit", "confidence", "probabilities"]
    assert lines[0]["digit"] == 7
    assert len(lines[0]["probabilities"]) == 10
    assert sum(lines[0]["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert lines[0]["confidence"] == max(lines[0]["probabilities"])
    assert list(lines[1]) == ["path", "error"]
    assert lines[1]["error"]["type"] == "UnreadablePicture"
    assert lines[2]["digit"] is None
    assert lines[2]["abstained"] == "blank"
    assert lines[3]["digit"] == 2


@pytest.mark.parametrize("top", [1, 3])
def test_a_line_is_the_json_form_of_the_prediction(
    top: int, digit_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (40, 40), 255).save(digit_folder / "white.png")
    paths = [str(path) for path in sorted(digit_folder.rglob("*.png"))]
    exit_status("predict", "--format", "jsonl", "--top", str(top), *paths)
    classifier = Classifier()
    predictions = [classifier.predict(path).to_dict(top=top) for path in paths]
    expected = [
        json.dumps({"path": path, **one}) for path, one in zip(paths, predictions, strict=True)
    ]
    assert capsys.readouterr().out.splitlines() == expected


def test_json_and_csv_have_the_values_of_jsonl(
    digit_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(digit_folder / "a.png"), str(digit_folder / "missing.png")]
    exit_status("predict", "--format", "jsonl", *names)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    exit_status("predict", "--format", "json", *names)
    assert json.loads(capsys.readouterr().out) == lines
    exit_status("predict", "--format", "csv", *names)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["path"] for row in rows] == names
    assert int(rows[0]["digit"]) == lines[0]["digit"]
    assert [float(rows[0][str(d)]) for d in range(10)] == lines[0]["probabilities"]
    assert rows[1]["digit"] == ""
    assert rows[1]["error"] == lines[1]["error"]["message"]


def test_text_answers_on_stdout_and_errors_on_stderr(
    digit_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("predict", "--top", "2", str(digit_folder / "a.png"), "missing.png") == 1
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.startswith(f"{digit_folder / 'a.png'}: 7 (")
    assert out.count("%") == 2
    assert err == "mnist-edge: no picture missing.png; check the path\n"


def test_control_characters_of_a_folder_name_are_escaped_in_every_command(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], test_digits: Digits
) -> None:
    folder = tmp_path / "a\nb.png: 3 (100.0 %)\nc\x1b]0;title\x07\x1b[31m\x9b\u202e\r"
    folder.mkdir()
    Image.fromarray(test_digits.images[0]).save(folder / "good.png")
    (folder / "bad.png").write_bytes(b"bad")
    shutil.copy(tiny / "quadrants-float32.tflite", folder / "model.tflite")
    assert exit_status("predict", str(folder)) == 1
    assert exit_status("predict", str(folder / "missing.png")) == 1
    assert (
        exit_status("predict", str(folder / "good.png"), "--model", str(folder / "missing.tflite"))
        == 1
    )
    assert exit_status("info", str(folder / "model.tflite")) == 0
    assert exit_status("watch", str(folder / "missing"), "--out", str(folder / "out.jsonl")) == 1
    assert exit_status("predict", f"--{folder.name}") == 2
    out, err = capsys.readouterr()
    for line in (out + err).split("\n"):
        assert not line or line.isprintable()
        assert not line.startswith(("b.png", "c"))
    assert "a\\x0ab.png: 3 (100.0 %)\\x0ac\\x1b]0;title" in out
    assert len(err.splitlines()) == 5


def test_a_name_with_line_breaks_is_one_csv_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{tmp_path}/{name}.png" for name in ("a\rb", "c\nd", "e\r\nf", 'g"h', "i,j")]
    for name in names:
        shutil.copy(SAMPLE, name)
    assert exit_status("predict", "--format", "csv", *names, f"{tmp_path}/k\rl.png") == 1
    out = capsys.readouterr().out
    assert not out.splitlines()[0].endswith("\r")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["path"] for row in rows] == [*names, f"{tmp_path}/k\rl.png"]
    assert [row["digit"] for row in rows] == [*"77777", ""]


@pytest.mark.skipif(sys.platform == "win32", reason="its names have no control characters")
def test_control_characters_of_a_file_name_are_escaped_in_text_and_kept_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a\nb.png: 7 (100.0 %)\x1b[2J\x9b.png"
    shutil.copy(SAMPLE, tmp_path / name)
    assert exit_status("predict", str(tmp_path), f"{tmp_path}/no\n{name}") == 1
    out, err = capsys.readouterr()
    for text in (out, err):
        assert text.count("\n") == 1
        assert "\\x0ab.png: 7 (100.0 %)\\x1b[2J\\x9b.png" in text
    assert exit_status("predict", "--format", "jsonl", str(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(tmp_path / name)
