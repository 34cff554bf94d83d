from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from converters import loader
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import DataUnavailable, UnknownName
from mnist_edge.evaluation.reproduction import measure, systems
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.origin import weights_sha256
from mnist_edge.training import frameworks, trainer, training_record
from mnist_edge.training.recipes import RECIPES, find_recipe
from tests.support.paths import EDGE
from tests.support.recorder import Recorder

Run = Callable[..., subprocess.CompletedProcess[str]]


def mnist_edge(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mnist_edge", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_train_convert_report_predict_one_after_another(tmp_path: Path, nano: Path) -> None:
    trained = mnist_edge("train", "--recipe", "softmax-1k", "--seed", "5", folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "Total params: 7,850" in trained.stderr
    # All rounds but the first, which has what comes once, and the last.
    assert trained.stderr.count("min left") == 8
    assert trained.stdout.startswith("softmax-1k: validation accuracy")
    assert trained.stdout.count("\n") == 1
    folder = tmp_path / "runs" / "softmax-1k"
    record = json.loads((folder / "training.json").read_text())
    assert record["settings"]["seed"] == 5

    converted = mnist_edge("convert", str(folder), "-q", "float32", "-q", "int8", folder=tmp_path)
    assert converted.returncode == 0, converted.stderr
    assert [line.split()[0] for line in converted.stdout.splitlines()] == [
        "scheme",
        "float32",
        "int8",
    ]
    assert not (folder / "float16.tflite").exists()

    reported = mnist_edge(
        "report", str(folder), "--corrupted", "0", "--format", "json", folder=tmp_path
    )
    assert reported.returncode == 0, reported.stderr
    document = json.loads(reported.stdout)
    accuracies = {scheme["scheme"]: scheme["accuracy"] for scheme in document["schemes"]}
    assert 0.8 < accuracies["float32"] < 1
    assert abs(accuracies["float32"] - accuracies["int8"]) < 0.01


@pytest.mark.slow
def test_run_killed_at_any_point_and_started_again_is_none_the_worse(
    tmp_path: Path, mnist: Mnist
) -> None:
    words = [sys.executable, "-m", "mnist_edge", "run", "--recipe", "softmax-1k"]
    folder = tmp_path / "runs" / "softmax-1k"
    checkpoint = folder / trainer.CHECKPOINT_FILE
    started = subprocess.Popen(
        words,
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert checkpoint.exists(), "the run was to be killed between two rounds"

    again = mnist_edge("run", "--recipe", "softmax-1k", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "resuming at step" in again.stderr
    assert again.stdout.splitlines()[-1].endswith("%)")
    recipe = find_recipe("softmax-1k")
    trainer.train(recipe, mnist, tmp_path / "whole", resume=False, listener=Recorder())
    parts, uninterrupted = (
        training_record.read_training_record(path).losses for path in (folder, tmp_path / "whole")
    )
    assert parts == uninterrupted

    kept = mnist_edge("run", "--recipe", "softmax-1k", folder=tmp_path)
    assert "holds a finished training" in kept.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["train", "--recipe", "resnet"], 2, "unknown recipe 'resnet'"),
        (["train", "--epochs", "0"], 2, "epochs 0"),
        (["train", "--learning-rate", "-1"], 2, "learning rate -1"),
        (["train", "--out", "file/below"], 1, "cannot write"),
        (["convert", "--quantize", "int4"], 2, "unknown scheme 'int4'"),
        (["convert", "nothing-here"], 1, "no model 'nothing-here'"),
        (["reproduce", "--only", "resnet"], 2, "unknown row 'resnet'"),
        (["run", "--recipe", "resnet"], 2, "unknown recipe 'resnet'"),
    ],
)
def test_a_wrong_request_is_one_line_and_the_documented_status(
    arguments: list[str], status: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    outcome = mnist_edge(*arguments, folder=tmp_path)
    assert outcome.returncode == status
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1
    assert said in outcome.stderr


@pytest.mark.parametrize("command", ["train", "convert", "run", "reproduce"])
def test_without_tensorflow_one_line_says_what_to_install(
    command: str, tmp_path: Path, nano: Path
) -> None:
    hidden = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None;"
        "from mnist_edge.commands.app import main; main(sys.argv[1:])"
    )
    arguments = [command, str(nano), "--out", "out"] if command == "convert" else [command]
    outcome = subprocess.run(
        [sys.executable, "-c", hidden, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "pip install" in outcome.stderr
    assert "tensorflow<" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_convert_explains_and_emits_c(tmp_path: Path, nano: Path) -> None:
    outcome = mnist_edge(
        *("convert", str(nano / "model.keras"), "--out", "out", "--explain", "--emit", "c"),
        folder=tmp_path,
    )
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
    assert written == ["int8-explain.png", "int8.json", "int8.tflite", "model.c", "model.h"]
    assert "bytes of arena on tflite-micro" in outcome.stderr


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--max-drop", "--max-drop-point"])
def test_convert_exits_with_3_where_the_gate_is_missed(
    option: str, tmp_path: Path, nano: Path
) -> None:
    words = ["convert", str(nano / "model.keras"), "--out", "out", option, "-1"]
    refused = mnist_edge(*words, folder=tmp_path)
    assert refused.returncode == 3
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "int8 missed the gate" in refused.stderr
    assert list((tmp_path / "out").iterdir()) == []
    kept = mnist_edge(*words, "--keep", folder=tmp_path)
    assert kept.returncode == 3
    assert kept.stdout.splitlines()[-1].startswith("int8 ")
    assert (tmp_path / "out" / "int8.tflite").is_file()


@pytest.mark.slow
def test_convert_names_the_folder_after_the_file_and_clears_it_of_other_networks(
    tmp_path: Path, nano: Path
) -> None:
    shutil.copy(nano / "model.keras", tmp_path / "mine.keras")
    folder = tmp_path / "mine"
    folder.mkdir()
    for scheme in ("int8", "float16"):
        for suffix in ("tflite", "json"):
            shutil.copy(EDGE / f"{scheme}.{suffix}", folder)
    outcome = mnist_edge("convert", "mine.keras", folder=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    finding, warning, wrote, removed = outcome.stderr.splitlines()
    assert "taking pixels" in finding
    assert warning.startswith("warning: mine holds files of another network (float16 from 'edge' (")
    assert "): int8 will be replaced and float16 will be removed; --out" in warning
    assert wrote == f"wrote {Path('mine/int8.tflite')}"
    assert removed.startswith(f"removed {Path('mine/float16.tflite')} ")
    assert sorted(path.name for path in folder.iterdir()) == ["int8.json", "int8.tflite"]
    manifest = loading.load_model(folder).manifest
    assert manifest
    assert manifest.weights_sha256 == weights_sha256(nano / "model.keras")

    refused = mnist_edge(
        "convert", "mine.keras", "--max-drop", "-1", "-q", "float32", folder=tmp_path
    )
    assert refused.returncode == 3
    again = mnist_edge("convert", "mine.keras", "-q", "float32", folder=tmp_path)
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
        (["--emit", "c", "--io", "float32"], "add: --quantize int8"),
        (["--io", "int4"], "choose one of int8, uint8, float32"),
        (["--weights", "none"], "choose one of per-channel, per-tensor"),
        (["--calibration-images", "5"], "outside 10.."),
    ],
)
def test_convert_refuses_a_wrong_setting_before_any_work(
    words: list[str], said: str, tmp_path: Path, nano: Path
) -> None:
    outcome = mnist_edge("convert", str(nano), "--out", "out", *words, folder=tmp_path)
    assert outcome.returncode == 2
    assert outcome.stderr.count("\n") == 1
    assert said in outcome.stderr


def test_every_row_of_the_reproduction_is_a_recipe_and_every_article_recipe_a_row() -> None:
    rows = [system.recipe for system in systems.SYSTEMS]
    assert sorted(rows) == sorted(set(RECIPES) - {"edge", "edge-teacher", "nano", "quick"})
    assert all(find_recipe(name).name == name for name in rows)
    assert [s.recipe for s in systems.find_systems(["cnn", "softmax-1k"])] == ["softmax-1k", "cnn"]
    with pytest.raises(UnknownName):
        systems.find_systems(["nano"])


@pytest.mark.slow
def test_reproduce_one_row(tmp_path: Path) -> None:
    outcome = mnist_edge("reproduce", "--only", "softmax-1k", "--format", "json", folder=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    (row,) = json.loads(outcome.stdout)["rows"]
    assert row["system"]["recipe"] == "softmax-1k"
    assert 85 < row["test_int8"] < 100
    assert abs(row["test_float"] - row["test_int8"]) < 1
    folder = tmp_path / "runs" / "reproduction"
    assert "softmax-1k" in (folder / "REPRODUCTION.md").read_text()
    assert (folder / "reproduction.png").stat().st_size > 10_000


def test_the_committed_reproduction_is_within_half_a_point_of_each_article(nano: Path) -> None:
    document = json.loads((nano.parent / "reproduction.json").read_text())
    rows = {row["system"]["recipe"]: row for row in document["rows"]}
    assert list(rows) == [system.recipe for system in systems.SYSTEMS]
    for system in systems.SYSTEMS:
        row = rows[system.recipe]
        if system.figure is not None and not system.recipe.endswith("unscaled"):
            assert row["test_float"] >= system.figure - 0.5
        reached = dict(map(tuple, row["validations"]))
        for step, figure in system.validation_figures:
            assert reached[step] >= figure - 0.5
        assert row["test_int8"] >= row["test_float"] - 0.5


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A folder that looks like a finished run of ``quick``."""
    folder = tmp_path / "finished"
    folder.mkdir()
    (folder / training_record.MODEL_FILE).write_bytes(b"hours of work")
    record = training_record.TrainingRecord(
        settings=training_record.recipe_settings(find_recipe("quick")),
        data_sha256={},
        parameters=7,
        versions={},
        rounds=[{"val_accuracy": 0.5}],
        losses=[],
        seconds=9000,
    )
    (folder / training_record.RECORD_FILE).write_text(json.dumps(asdict(record)))
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "--recipe", "quick"), "holds a finished run: --overwrite overwrites it"),
        (("train", "--recipe", "nano"), "holds a finished run: --overwrite"),
        (("train", "--recipe", "nano", "--resume"), "holds a finished run with other settings"),
        (("train", "--recipe", "quick", "--seed", "9", "--resume"), "with other settings"),
        (("run", "--recipe", "nano"), "with other settings: --fresh overwrites it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_finished_run_is_not_overwritten_unasked(
    words: tuple[str, ...], said: str, finished: Path, run: Run
) -> None:
    ran = run(*words, "--out", finished)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert (finished / training_record.MODEL_FILE).read_bytes() == b"hours of work"


def test_a_finished_run_that_is_resumed_stays_as_it_is(finished: Path, run: Run) -> None:
    ran = run("train", "--recipe", "quick", "--resume", "--out", finished)
    assert ran.returncode == 0
    assert ran.stdout == (
        f"quick: validation accuracy 50.00 %, 7 parameters, 9000 s -> {finished}\n"
    )
    assert (finished / training_record.MODEL_FILE).read_bytes() == b"hours of work"


@pytest.mark.parametrize("part", [".", "teachers/2"])
def test_an_interrupted_run_is_not_begun_again_unasked(part: str, tmp_path: Path, run: Run) -> None:
    checkpoint = tmp_path / part / trainer.CHECKPOINT_FILE
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(b"hours of work")
    ran = run("train", "--recipe", "edge", "--out", tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "holds an interrupted run: --resume continues it, --overwrite starts again" in ran.stderr
    assert checkpoint.read_bytes() == b"hours of work"


def test_a_run_is_continued_or_begun_again_and_not_both(run: Run) -> None:
    ran = run("train", "--resume", "--overwrite")
    assert ran.returncode == 2
    assert "cannot be combined" in ran.stderr


def test_reproducing_one_system_keeps_the_others(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []

    def reproduce(some: Sequence[systems.System], *_: Any, **__: Any) -> Iterator[Any]:
        chosen.extend(one.recipe for one in some)
        raise DataUnavailable("far enough")

    trained = {"cnn", "softmax-1k"}
    monkeypatch.setattr(measure, "is_trained", lambda system, _: system.recipe in trained)
    monkeypatch.setattr(measure, "reproduce", reproduce)
    monkeypatch.setattr(frameworks, "import_keras", lambda: None)
    ran = run("reproduce", "--only", "mlp-ema", "--out", tmp_path)
    assert "far enough" in ran.stderr
    assert chosen == ["softmax-1k", "cnn", "mlp-ema"]
