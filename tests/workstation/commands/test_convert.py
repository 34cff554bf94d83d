from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from converters import loader
from mnist_edge.data.mnist import Digits
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.origin import weights_sha256
from tests.support.c_programs import assert_equal_in_c
from tests.support.paths import EDGE
from tests.support.programs import Run, mnist_edge


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_folder")
def test_train_convert_and_report_one_after_another(tmp_path: Path, run: Run) -> None:
    trained = run("train", "--recipe", "softmax-1k", "--seed", "5")
    assert trained.returncode == 0, trained.stderr
    assert "Total params: 7,850" in trained.stderr
    # All rounds but the first, which has what comes once, and the last.
    assert trained.stderr.count("min left") == 8
    assert trained.stdout.startswith("softmax-1k: validation accuracy")
    assert trained.stdout.count("\n") == 1
    folder = tmp_path / "runs" / "softmax-1k"
    record = json.loads((folder / "training.json").read_text())
    assert record["settings"]["seed"] == 5

    converted = run("convert", folder, "-q", "float32", "-q", "int8")
    assert converted.returncode == 0, converted.stderr
    assert [line.split()[0] for line in converted.stdout.splitlines()] == [
        "scheme",
        "float32",
        "int8",
    ]
    assert not (folder / "float16.tflite").exists()

    # In a process of its own, since TensorFlow and tflite-runtime cannot share one.
    reported = mnist_edge(
        "report", str(folder), "--corrupted", "0", "--format", "json", folder=tmp_path
    )
    assert reported.returncode == 0, reported.stderr
    document = json.loads(reported.stdout)
    accuracies = {scheme["scheme"]: scheme["accuracy"] for scheme in document["schemes"]}
    assert 0.8 < accuracies["float32"] < 1
    assert abs(accuracies["float32"] - accuracies["int8"]) < 0.01


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_folder")
def test_convert_explains_and_emits_c(tmp_path: Path, nano: Path, run: Run) -> None:
    outcome = run("convert", nano / "model.keras", "--out", "out", "--explain", "--emit", "c")
    assert outcome.returncode == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    assert lines[0].split() == [
        *("layer", "weights", "activations", "saturated", "RMSE/scale", "SQNR"),
    ]
    assert sum(" CONV_2D " in line for line in lines) == 6
    assert lines[-3].startswith("least SQNR: layer ")
    assert lines[-1].startswith("int8 ")
    assert max(map(len, lines[:-4])) <= 80
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["c", "int8-explain.png", "int8.json", "int8.tflite"]
    source = sorted(path.name for path in (tmp_path / "out" / "c").iterdir())
    assert source == ["nano.c", "nano.h", "nano_read.c", "nano_self_test.c"]
    assert "(1,651 bytes of RAM)" in outcome.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("--input", "rgb"), ("--weights", "per-tensor", "--io", "uint8")], ids=" ".join
)
@pytest.mark.usefixtures("in_a_folder")
def test_convert_emits_c_that_gives_the_runtimes_integers(
    words: tuple[str, ...], tmp_path: Path, nano: Path, test_digits: Digits, run: Run
) -> None:
    pytest.importorskip("tflite_runtime")
    outcome = run("convert", nano / "model.keras", "--out", "out", "--emit", "c", *words)
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "out" / "c" / "nano.c").is_file()
    [path] = (tmp_path / "out").glob("*.tflite")
    stored = loading.load_model(path)
    assert stored.manifest is not None
    digits = test_digits.images[:200]
    assert_equal_in_c(tmp_path / "built", stored.content, stored.manifest, digits)


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_folder")
def test_convert_emits_the_bytes_for_tflm(tmp_path: Path, nano: Path, run: Run) -> None:
    outcome = run("convert", nano / "model.keras", "--out", "out", "--emit", "tflm")
    assert outcome.returncode == 0, outcome.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["int8.json", "int8.tflite", "model.c", "model.h"]
    assert "bytes of arena on tflite-micro" in outcome.stderr


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--max-drop", "--max-drop-point"])
@pytest.mark.usefixtures("in_a_folder")
def test_convert_exits_with_3_where_the_gate_is_missed(
    option: str, tmp_path: Path, nano: Path, run: Run
) -> None:
    words = ["convert", str(nano / "model.keras"), "--out", "out", option, "-1"]
    refused = run(*words)
    assert refused.returncode == 3
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "int8 missed the gate" in refused.stderr
    assert not (tmp_path / "out").exists()
    kept = run(*words, "--keep")
    assert kept.returncode == 3
    assert kept.stdout.splitlines()[-1].startswith("int8 ")
    assert (tmp_path / "out" / "int8.tflite").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_folder")
def test_convert_names_the_folder_after_the_file_and_clears_it_of_other_networks(
    tmp_path: Path, nano: Path, run: Run
) -> None:
    shutil.copy(nano / "model.keras", tmp_path / "mine.keras")
    folder = tmp_path / "mine"
    folder.mkdir()
    for scheme in ("int8", "float16"):
        for suffix in ("tflite", "json"):
            shutil.copy(EDGE / f"{scheme}.{suffix}", folder)
    shutil.copy(EDGE / "report.json", folder)
    outcome = run("convert", "mine.keras")
    assert outcome.returncode == 0, outcome.stderr
    finding, warning, wrote, removed, stale = outcome.stderr.splitlines()
    assert "taking pixels" in finding
    assert warning.startswith("warning: mine holds files of another network (float16 from 'edge' (")
    assert "): int8 will be replaced and float16 will be removed; --out" in warning
    assert wrote == f"wrote {Path('mine/int8.tflite')}"
    assert removed.startswith(f"removed {Path('mine/float16.tflite')} ")
    assert stale == f"removed {Path('mine/report.json')}, made from files that are gone"
    assert sorted(path.name for path in folder.iterdir()) == ["int8.json", "int8.tflite"]
    manifest = loading.load_model(folder).manifest
    assert manifest
    assert manifest.weights_sha256 == weights_sha256(nano / "model.keras")

    refused = run("convert", "mine.keras", "--max-drop", "-1", "-q", "float32")
    assert refused.returncode == 3
    again = run("convert", "mine.keras", "-q", "float32")
    assert len(again.stderr.splitlines()) == 2
    assert {path.stem for path in folder.iterdir()} == {"float32", "int8"}


def test_outputs_are_named_after_a_file_that_has_no_folder_of_its_own(tmp_path: Path) -> None:
    for name, expected in {
        "model.keras": ".",
        "mine.keras": "mine",
        "my.model.h5": "my.model",
        "download": "download-tflite",
    }.items():
        (tmp_path / name).touch()
        assert loader.default_output_folder(tmp_path / name) == tmp_path / expected
    assert loader.default_output_folder(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "tflite-runtime==2.5.0"], "choose one of tflite-runtime==2.14.0"),
        (["--pixels", "x/255"], "choose one of pixels, pixels/255,"),
        (["--max-drop", "nan"], "not a number of percentage points"),
        (["--max-drop-point", "nan"], "not a number of percentage points"),
        (
            ["--emit", "c", "--io", "float32"],
            "int8 or uint8 input and output; add: --quantize",
        ),
        (["--emit", "tflm", "--io", "uint8"], "needs int8 with int8 input and output"),
        (["--emit", "c", "--quantize", "float32"], "add: --quantize int8"),
        (["--io", "int4"], "choose one of int8, uint8, float32"),
        (["--weights", "none"], "choose one of per-channel, per-tensor"),
        (["--calibration-images", "5"], "outside 10.."),
    ],
)
def test_convert_refuses_a_wrong_setting_before_any_work(
    words: list[str], said: str, tmp_path: Path, nano: Path, run: Run
) -> None:
    outcome = run("convert", nano, "--out", tmp_path / "out", *words)
    assert outcome.returncode == 2
    assert outcome.stderr.count("\n") == 1
    assert said in outcome.stderr
