from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.commands.app import main
from mnist_edge.data.mnist import Digits
from mnist_edge.modelstore import loading
from tests.support.paths import SAMPLE


def run(*arguments: str) -> int:
    """Runs the program in this process; the status it exits with."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def pictures(tmp_path: Path, test_digits: Digits) -> Path:
    """Three digits as PNG files, one of them in a folder below, and a file of something else."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for index, name in enumerate(("a.png", "c.png", "below/b.png")):
        Image.fromarray(test_digits.images[index]).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_jsonl_is_one_documented_line_a_picture(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, blank = pictures / "broken.png", pictures / "white.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Image.new("L", (40, 40), 255).save(blank)
    names = [str(pictures / "a.png"), str(broken), str(blank), str(pictures / "c.png")]
    assert run("predict", "--format", "jsonl", *names) == 1
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
    top: int, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (40, 40), 255).save(pictures / "white.png")
    paths = [str(path) for path in sorted(pictures.rglob("*.png"))]
    run("predict", "--format", "jsonl", "--top", str(top), *paths)
    classifier = Classifier()
    predictions = [classifier.predict(path).to_dict(top=top) for path in paths]
    expected = [
        json.dumps({"path": path, **one}) for path, one in zip(paths, predictions, strict=True)
    ]
    assert capsys.readouterr().out.splitlines() == expected


def test_json_and_csv_say_the_same_as_jsonl(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(pictures / "a.png"), str(pictures / "missing.png")]
    run("predict", "--format", "jsonl", *names)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    run("predict", "--format", "json", *names)
    assert json.loads(capsys.readouterr().out) == lines
    run("predict", "--format", "csv", *names)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["path"] for row in rows] == names
    assert int(rows[0]["digit"]) == lines[0]["digit"]
    assert [float(rows[0][str(d)]) for d in range(10)] == lines[0]["probabilities"]
    assert rows[1]["digit"] == ""
    assert rows[1]["error"] == lines[1]["error"]["message"]


def test_text_answers_on_stdout_and_errors_on_stderr(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "--top", "2", str(pictures / "a.png"), "missing.png") == 1
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.startswith(f"{pictures / 'a.png'}: 7 (")
    assert out.count("%") == 2
    assert err == "mnist-edge: no picture missing.png; check the path\n"


def test_a_name_neither_forges_a_line_nor_reaches_the_terminal(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], test_digits: Digits
) -> None:
    folder = tmp_path / "a\nb.png: 3 (100.0 %)\nc\x1b]0;title\x07\x1b[31m\x9b\u202e\r"
    folder.mkdir()
    Image.fromarray(test_digits.images[0]).save(folder / "good.png")
    (folder / "bad.png").write_bytes(b"bad")
    shutil.copy(tiny / "quadrants-float32.tflite", folder / "model.tflite")
    assert run("predict", str(folder)) == 1
    assert run("predict", str(folder / "missing.png")) == 1
    assert run("predict", str(folder / "good.png"), "--model", str(folder / "missing.tflite")) == 1
    assert run("info", str(folder / "model.tflite")) == 0
    assert run("watch", str(folder / "missing"), "--out", str(folder / "out.jsonl")) == 1
    assert run("predict", f"--{folder.name}") == 2
    out, err = capsys.readouterr()
    for line in (out + err).split("\n"):
        assert not line or line.isprintable()
        assert not line.startswith(("b.png", "c"))
    assert "a\\x0ab.png: 3 (100.0 %)\\x0ac\\x1b]0;title" in out
    assert len(err.splitlines()) == 5


def test_a_name_with_line_ends_is_one_field_of_one_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{tmp_path}/{name}.png" for name in ("a\rb", "c\nd", "e\r\nf", 'g"h', "i,j")]
    for name in names:
        shutil.copy(SAMPLE, name)
    assert run("predict", "--format", "csv", *names, f"{tmp_path}/k\rl.png") == 1
    out = capsys.readouterr().out
    assert not out.splitlines()[0].endswith("\r")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["path"] for row in rows] == [*names, f"{tmp_path}/k\rl.png"]
    assert [row["digit"] for row in rows] == [*"77777", ""]


def test_a_folder_and_a_pattern_stand_for_the_pictures_in_them(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "folder.png").mkdir()
    assert run("predict", str(pictures)) == 0
    paths = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert paths == [str(pictures / name) for name in ("a.png", "below/b.png", "c.png")]
    assert run("predict", str(pictures / "?.png")) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    empty = pictures / "empty"
    empty.mkdir()
    assert run("predict", str(empty), str(pictures / "a.png")) == 1
    out, err = capsys.readouterr()
    assert f"no picture in {empty}" in err
    assert out.count("\n") == 1


def test_an_unsure_answer_is_withheld(capsys: pytest.CaptureFixture[str]) -> None:
    least = Classifier().predict(SAMPLE).confidence
    assert least < 1
    words = ("predict", "--min-confidence", str((least + 1) / 2), str(SAMPLE))
    assert run(*words) == 0
    assert capsys.readouterr().out.endswith("- (low-confidence)\n")
    assert run(*words, "--format", "jsonl") == 0
    assert json.loads(capsys.readouterr().out)["abstained"] == "low-confidence"


def test_always_answers_an_unsure_and_a_blank_picture_alike(
    tmp_path: Path, nano: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(nano / "int8.tflite", tmp_path)
    manifest = json.loads((nano / "int8.json").read_text())
    (tmp_path / "int8.json").write_text(json.dumps({**manifest, "min_confidence": 1.0}))
    blank = tmp_path / "white.png"
    Image.new("L", (40, 40), 255).save(blank)
    names = [str(SAMPLE), str(blank), "missing.png"]
    words = ("predict", "--model", str(tmp_path), "--format", "jsonl", *names)
    assert run(*words) == 1
    withheld = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("abstained") for line in withheld] == ["low-confidence", "blank", None]
    assert run(*words, "--always") == 1
    answered = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answered[0]["digit"] == 7
    for before, line in zip(withheld[:2], answered[:2], strict=True):
        assert line["probabilities"] == before["probabilities"]
        assert line["digit"] == line["probabilities"].index(max(line["probabilities"]))
        assert line["confidence"] == max(line["probabilities"])
        assert "abstained" not in line
    assert answered[2] == withheld[2]
    # A minimum that is given wins over the model's own.
    assert run(*words, "--min-confidence", "0.5") == 1
    first, second, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["digit"], second["abstained"]) == (7, "blank")


def test_always_and_a_minimum_confidence_are_one_too_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("predict", "--always", "--min-confidence", "0.5", str(SAMPLE)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "mnist-edge: --always and --min-confidence cannot be combined: --always answers at any "
        "confidence\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["frobnicate"], 2),
        (["predict"], 2),
        (["predict", "--frobnicate", "x.png"], 2),
        (["predict", "--top", "11", "x.png"], 2),
        (["predict", "--model", "nowhere", "x.png"], 1),
        (["info", "nowhere"], 1),
        (["report", "nowhere"], 1),
        (["--version"], 0),
    ],
)
def test_the_documented_exit_status(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == status
    out, err = capsys.readouterr()
    assert bool(out) == (status == 0)
    assert "Traceback" not in err


def test_debug_shows_the_traceback() -> None:
    from mnist_edge.errors import ModelNotFound

    with pytest.raises(ModelNotFound):
        main(["--debug", "info", "nowhere"])


def test_info_sets_promise_beside_finding_and_fails_where_they_differ(
    tmp_path: Path, nano: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("info") == 0
    out = capsys.readouterr().out
    assert "(verified)" in out
    assert re.search(r"\nconfidence +temperature \d.* on validation, abstains below \d", out)
    assert run("info", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["agree"]
    assert document["found"]["input"] == document["manifest"]["input"]
    shutil.copy(nano / "int8.tflite", tmp_path)
    lying = (nano / "int8.json").read_text().replace('"zero_point": -128', '"zero_point": 0')
    (tmp_path / "int8.json").write_text(lying)
    assert run("info", str(tmp_path)) == 1
    assert "DIFFERS" in capsys.readouterr().out
    (tmp_path / "int8.json").unlink()
    assert run("info", str(tmp_path / "int8.tflite")) == 0
    assert "no manifest" in capsys.readouterr().out


def _imported(*arguments: str) -> set[str]:
    """The modules that a fresh process holds when a command has ended."""
    program = (
        "import sys\nfrom mnist_edge.commands.app import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return set(outcome.stderr.split())


def test_help_and_version_import_no_numpy_no_pillow_and_no_runtime() -> None:
    for words in (["--help"], ["--version"], ["predict", "--help"]):
        heavy = {"numpy", "PIL", "tflite_runtime", "ai_edge_litert", "tensorflow", "keras"}
        assert not _imported(*words) & heavy


@pytest.mark.parametrize("words", [["predict", str(SAMPLE)], ["info"]])
def test_a_device_command_imports_no_tensorflow_and_no_workstation_room(words: list[str]) -> None:
    imported = _imported(*words)
    assert "mnist_edge.runtimes.interpreter" in imported
    rooms = {name for name in imported if name.startswith(("mnist_edge.training", "converters"))}
    assert not imported & {"tensorflow", "keras"}
    assert not rooms


def test_standard_input_is_a_picture() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "mnist_edge", "predict", "-"],
        input=SAMPLE.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert outcome.stdout.startswith(b"-: 7 (")
    assert outcome.stderr == b""


def test_a_reader_that_has_seen_enough_is_no_error(pictures: Path) -> None:
    many = " ".join(["a.png"] * 3_000)
    command = f"{sys.executable} -m mnist_edge predict {many} | head -1"
    outcome = subprocess.run(
        ["/bin/sh", "-c", command], cwd=pictures, capture_output=True, text=True, check=True
    )
    assert outcome.stdout.count("\n") == 1
    assert outcome.stderr == ""


@pytest.mark.slow
def test_ten_thousand_png_files_are_read_as_the_arrays_are(
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
    classifier = Classifier(loading.DEFAULT_MODEL, min_confidence=0)
    arrays = classifier.predict_pixels(test_digits.images)
    assert [line["digit"] for line in lines] == [one.digit for one in arrays]
    assert [line["confidence"] for line in lines] == [round(one.confidence, 6) for one in arrays]
    right = sum(one.digit == label for one, label in zip(arrays, test_digits.labels, strict=True))
    # A perfect score would be suspect: some fifteen of the labels are wrong.
    assert 9_900 < right < 10_000


@pytest.mark.skipif(sys.platform == "win32", reason="its names have no control characters")
def test_a_name_forges_no_line_and_commands_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a\nb.png: 7 (100.0 %)\x1b[2J\x9b.png"
    shutil.copy(SAMPLE, tmp_path / name)
    assert run("predict", str(tmp_path), f"{tmp_path}/no\n{name}") == 1
    out, err = capsys.readouterr()
    for text in (out, err):
        assert text.count("\n") == 1
        assert "\\x0ab.png: 7 (100.0 %)\\x1b[2J\\x9b.png" in text
    assert run("predict", "--format", "jsonl", str(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(tmp_path / name)
