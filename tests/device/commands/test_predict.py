from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.modelstore import DEFAULT_MODEL
from tests.support.paths import SAMPLE
from tests.support.programs import exit_status


def test_a_folder_and_a_pattern_are_expanded_to_their_pictures(
    digit_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (digit_folder / "folder.png").mkdir()
    assert exit_status("predict", str(digit_folder)) == 0
    paths = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert paths == [str(digit_folder / name) for name in ("a.png", "below/b.png", "c.png")]
    assert exit_status("predict", str(digit_folder / "?.png")) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    empty = digit_folder / "empty"
    empty.mkdir()
    assert exit_status("predict", str(empty), str(digit_folder / "a.png")) == 1
    out, err = capsys.readouterr()
    assert f"no picture in {empty}" in err
    assert out.count("\n") == 1


def test_an_answer_below_the_minimum_confidence_is_withheld(
    capsys: pytest.CaptureFixture[str],
) -> None:
    least = Classifier().predict(SAMPLE).confidence
    assert least < 1
    words = ("predict", "--min-confidence", str((least + 1) / 2), str(SAMPLE))
    assert exit_status(*words) == 0
    assert capsys.readouterr().out.endswith("- (low-confidence)\n")
    assert exit_status(*words, "--format", "jsonl") == 0
    assert json.loads(capsys.readouterr().out)["abstained"] == "low-confidence"


def test_always_answers_a_low_confidence_and_a_blank_picture(
    tmp_path: Path, nano: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(nano / "int8.tflite", tmp_path)
    manifest = json.loads((nano / "int8.json").read_text())
    (tmp_path / "int8.json").write_text(json.dumps({**manifest, "min_confidence": 1.0}))
    blank = tmp_path / "white.png"
    Image.new("L", (40, 40), 255).save(blank)
    names = [str(SAMPLE), str(blank), "missing.png"]
    words = ("predict", "--model", str(tmp_path), "--format", "jsonl", *names)
    assert exit_status(*words) == 1
    withheld = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("abstained") for line in withheld] == ["low-confidence", "blank", None]
    assert exit_status(*words, "--always") == 1
    answered = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answered[0]["digit"] == 7
    for before, line in zip(withheld[:2], answered[:2], strict=True):
        assert line["probabilities"] == before["probabilities"]
        assert line["digit"] == line["probabilities"].index(max(line["probabilities"]))
        assert line["confidence"] == max(line["probabilities"])
        assert "abstained" not in line
    assert answered[2] == withheld[2]
    # A given minimum overrides the model's own.
    assert exit_status(*words, "--min-confidence", "0.5") == 1
    first, second, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["digit"], second["abstained"]) == (7, "blank")


def test_unsure_pictures_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    several = tmp_path / "several.png"
    shutil.copy(SAMPLE.with_name("digits.png"), several)
    kept = tmp_path / "unsure"
    words = ("predict", str(SAMPLE), str(several), "--keep-unsure", str(kept))
    assert exit_status(*words, "--always") == 0
    assert "-" not in capsys.readouterr().out.split("several.png: ")[1]
    (picture,) = kept.glob("*.png")
    assert picture.read_bytes() == several.read_bytes()
    record = json.loads(picture.with_suffix(".json").read_text())
    assert record["path"] == str(several)
    assert record["reasons"] == ["not-one-digit"]
    assert exit_status("predict", "-", "--keep-unsure", str(kept)) == 2
    assert "--keep-unsure and - cannot be combined" in capsys.readouterr().err


def test_always_and_min_confidence_cannot_be_combined(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_status("predict", "--always", "--min-confidence", "0.5", str(SAMPLE)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "mnist-edge: --always and --min-confidence cannot be combined: --always answers at any "
        "confidence\n"
    )


def test_standard_input_is_a_picture() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "mnist_edge", "predict", "-"],
        input=SAMPLE.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert outcome.stdout.startswith(b"-: 7 (")
    assert outcome.stderr == b""


def test_a_closed_pipe_is_not_an_error(digit_folder: Path) -> None:
    many = " ".join(["a.png"] * 3_000)
    command = f"{sys.executable} -m mnist_edge predict {many} | head -1"
    outcome = subprocess.run(
        ["/bin/sh", "-c", command], cwd=digit_folder, capture_output=True, text=True, check=True
    )
    assert outcome.stdout.count("\n") == 1
    assert outcome.stderr == ""


@pytest.mark.slow
def test_ten_thousand_png_files_give_the_answers_of_their_arrays(
    tmp_path: Path, test_digits: Digits
) -> None:
    for index, image in enumerate(test_digits.images):
        Image.fromarray(image).save(tmp_path / f"{index:05}.png")
    outcome = subprocess.run(
        [sys.executable, "-m", "mnist_edge", "predict", "--format", "jsonl", "--always", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert len(lines) == len(test_digits) == 10_000
    classifier = Classifier(DEFAULT_MODEL, min_confidence=0)
    arrays = classifier.predict_pixels(test_digits.images)
    assert [line["digit"] for line in lines] == [one.digit for one in arrays]
    assert [line["confidence"] for line in lines] == [round(one.confidence, 6) for one in arrays]
    right = sum(one.digit == label for one, label in zip(arrays, test_digits.labels, strict=True))
    # A perfect score would be suspect: some fifteen of the labels are wrong.
    assert 9_900 < right < 10_000
