from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.inference.explain import (
    draw_explanation,
)
from mnist_edge.inference.pixel_text import pixels_to_text
from mnist_edge.preprocessing.pipeline import (
    preprocess,
    trace_preprocessing,
)
from tests.support.explanations import SIZE, bars
from tests.support.programs import Run, Start


def test_show_prints_the_pixels_under_the_answer(pictures: Path, run: Run) -> None:
    names = [pictures / "pen-four.png", pictures / "chalk-three.png"]
    plain = run("predict", *names).stdout.splitlines()
    ran = run("predict", "--show", names[0], "missing.png", names[1])
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    assert len(lines) == 2 * 31
    for index, name in enumerate(names):
        said, *drawn = lines[31 * index : 31 * (index + 1)]
        assert said == plain[index]
        assert "\n".join(drawn) == pixels_to_text(preprocess(name).pixels)


def test_show_works_on_an_ascii_terminal(pictures: Path, start: Start) -> None:
    ran = start("predict", "--show", pictures / "pen-four.png", env={"PYTHONIOENCODING": "ascii"})
    assert (ran.returncode, ran.stderr) == (0, b"")
    said, _, drawn = ran.stdout.decode("ascii").partition("\n")
    assert said.endswith("pen-four.png: 4 (100.0 %)")
    assert drawn.strip() == pixels_to_text(
        trace_preprocessing(pictures / "pen-four.png").pixels, encoding="ascii"
    )


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_show_is_refused_with_other_formats(kind: str, pictures: Path, run: Run) -> None:
    ran = run("predict", "--show", "--format", kind, pictures)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"mnist-edge: --show and --format {kind} cannot be combined: --show prints pixels as text\n"
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("how.png", "PNG"), ("how.JPG", "JPEG"), ("new/how.jpeg", "JPEG")]
)
def test_an_explanation_has_the_format_of_its_suffix(
    name: str, kind: str, pictures: Path, tmp_path: Path, run: Run
) -> None:
    path = pictures / "pen-four.png"
    ran = run("predict", path, "--explain", tmp_path / name)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == run("predict", path).stdout
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.mode, image.size) == (kind, "RGB", SIZE)
    assert [one.name for one in (tmp_path / name).parent.iterdir()] == [Path(name).name]


def test_an_explanation_file_is_replaced_by_the_next(
    pictures: Path, tmp_path: Path, run: Run, classifier: Classifier
) -> None:
    target = tmp_path / "how.png"
    for name in ("pen-four.png", "chalk-three.png"):
        run("predict", pictures / name, "--explain", target)
        trace = trace_preprocessing(pictures / name)
        expected = draw_explanation(trace, classifier.classify(trace))
        with Image.open(target) as image:
            assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_explanations_of_several_pictures_are_numbered_files_of_a_folder(
    pictures: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "below").mkdir()
    again = tmp_path / "below" / "pen-four.png"
    shutil.copy(pictures / "pen-four.png", again)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    out = tmp_path / "out" / "deep"
    names = [pictures / "pen-four.png", broken, again]
    ran = run("predict", *names, "--explain", out, "--format", "jsonl")
    assert ran.returncode == 1
    kinds = ["error" in json.loads(line) for line in ran.stdout.splitlines()]
    assert kinds == [False, True, False]
    assert sorted(one.name for one in out.iterdir()) == ["0001-pen-four.png", "0003-pen-four.png"]


def files_in(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def test_a_folder_is_written_for_a_pattern_or_a_folder_of_one_picture(
    pictures: Path, tmp_path: Path, run: Run
) -> None:
    lone = tmp_path / "lone"
    lone.mkdir()
    shutil.copy(pictures / "pen-four.png", lone)
    (tmp_path / "there").mkdir()
    for names, out in (
        (lone, "of-a-folder"),
        (lone / "*.png", "of-a-pattern"),
        (lone / "pen-four.png", "there"),
        (lone / "pen-four.png", f"ending{os.sep}"),
    ):
        ran = run("predict", names, "--explain", f"{tmp_path}/{out}")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert files_in(tmp_path / out) == ["0001-pen-four.png"]


def test_standard_input_is_explained(pictures: Path, tmp_path: Path, start: Start) -> None:
    content = (pictures / "pen-four.png").read_bytes()
    assert start("predict", "-", "--explain", tmp_path / "a.png", stdin=content).returncode == 0
    assert start("predict", "-", "--explain", f"{tmp_path}/b/", stdin=content).returncode == 0
    first, second = tmp_path / "a.png", tmp_path / "b" / "0001-stdin.png"
    assert first.read_bytes() == second.read_bytes()


def test_a_long_name_is_shortened(pictures: Path, tmp_path: Path, run: Run) -> None:
    long = tmp_path / f"{'€' * 80}.png"
    shutil.copy(pictures / "pen-four.png", long)
    assert run("predict", long, "--explain", f"{tmp_path}/out/").returncode == 0
    assert files_in(tmp_path / "out") == [f"0001-{'€' * 50}.png"]


def test_an_explanation_with_always_shows_the_answer(
    tmp_path: Path, run: Run, classifier: Classifier
) -> None:
    blank, target = tmp_path / "blank.png", tmp_path / "how.png"
    Image.new("L", (40, 40), 255).save(blank)
    trace = trace_preprocessing(blank)
    decision = classifier.decide(trace)
    withheld = decision.prediction
    for words, prediction in (([], withheld), (["--always"], withheld.without_abstention())):
        assert run("predict", blank, "--explain", target, *words).returncode == 0
        with Image.open(target) as image:
            expected = draw_explanation(trace, prediction, decision.hypotheses)
            assert np.array_equal(np.asarray(image), np.asarray(expected))
            assert any(accented for _, accented in bars(image)) == bool(words)


@pytest.mark.parametrize("name", ["how.xyz", "how", "how.gif", ".png"])
def test_an_explanation_of_unknown_suffix_is_a_usage_error(
    name: str, pictures: Path, tmp_path: Path, run: Run
) -> None:
    ran = run("predict", pictures / "pen-four.png", "--explain", tmp_path / name)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"mnist-edge: --explain {tmp_path / name}: ")
    assert ".png" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_explanation_without_a_name_is_a_usage_error(pictures: Path, run: Run) -> None:
    ran = run("predict", pictures / "pen-four.png", "--explain", "")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("mnist-edge: --explain '': expected ")


def test_an_explanation_does_not_overwrite_an_input(
    pictures: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(pictures / "pen-four.png", tmp_path / "a.png")
    shutil.copy(pictures / "chalk-three.png", tmp_path / "0001-a.png")
    (tmp_path / "link.png").symlink_to("a.png")
    before = (tmp_path / "a.png").read_bytes(), (tmp_path / "0001-a.png").read_bytes()
    for words in (
        ["a.png", "--explain", tmp_path / "a.png"],
        ["link.png", "--explain", "a.png"],
        ["a.png", "--explain", "./link.png"],
        # The second picture has the name that the first one's explanation would have.
        ["a.png", "0001-a.png", "--explain", "."],
    ):
        ran = run("predict", *words)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith("mnist-edge: --explain would overwrite ")
        assert ran.stderr.count("\n") == 1
    assert before == ((tmp_path / "a.png").read_bytes(), (tmp_path / "0001-a.png").read_bytes())


@pytest.mark.parametrize("name", ["mine.png", "mine.jpg"])
def test_an_explanation_replaces_explanations_alone(
    name: str, pictures: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(pictures / "pen-four.png", "a.png")
    with Image.open("a.png") as picture:
        picture.convert("RGB").save(name)
    before = Path(name).read_bytes()
    # As if --explain took no value, and this were the first of two pictures.
    ran = run("predict", "--explain", name, "a.png")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"mnist-edge: --explain would overwrite {name}, which it has not drawn; name another file\n"
    )
    assert Path(name).read_bytes() == before
    Path(name).unlink()
    for _ in range(2):
        assert run("predict", "--explain", name, "a.png").returncode == 0
    assert run("predict", "--explain", "how", "a.png", name).returncode == 0
    assert run("predict", "--explain", "how", "a.png", name).returncode == 0


def test_an_unwritable_explanation_fails_before_any_answer(
    pictures: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "file").write_text("in the way")
    one, several = [pictures / "pen-four.png"], [pictures]
    for names, out in (
        (one, tmp_path / "file" / "how.png"),
        (several, tmp_path / "file"),
        (several, tmp_path / ("n" * 300)),
    ):
        ran = run("predict", *names, "--explain", out)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(f"mnist-edge: cannot write {out}")
        assert ran.stderr.count("\n") == 1
    ran = run("predict", *one, "--explain", tmp_path / f"{'n' * 300}.png")
    assert ran.returncode == 1
    assert ran.stderr.startswith("mnist-edge: cannot write ")
    assert files_in(tmp_path) == ["file"]


@pytest.mark.parametrize("asked", [False, True])
def test_the_explain_module_is_imported_only_for_the_option(
    asked: bool, pictures: Path, tmp_path: Path, start: Start
) -> None:
    words = ["--explain", tmp_path / "how.png"] if asked else []
    path = pictures / "pen-four.png"
    ran = start("predict", path, *words, interpreter=("-X", "importtime"))
    assert ran.returncode == 0
    lines = ran.stderr.decode().splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if "import time:" in line}
    assert "mnist_edge.inference.classifier" in imported
    assert ("mnist_edge.inference.explain" in imported) == asked
    assert "matplotlib" not in imported


@pytest.mark.parametrize("out", ["how.png", "how.jpg", "how.pdf", "sub/how.PNG"])
@pytest.mark.parametrize("of", ["two", "folder", "pattern"])
def test_one_file_for_several_pictures_is_a_usage_error(
    out: str, of: str, pictures: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    two = [pictures / "pen-four.png", pictures / "chalk-three.png"]
    names = {"two": two, "folder": [pictures], "pattern": [pictures / "pen-*.png"]}[of]
    ran = run("predict", *names, "--explain", out)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "expected a folder, such as" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_trailing_slash_makes_the_output_a_folder(
    pictures: Path, run: Run, tmp_path: Path
) -> None:
    two = [pictures / "pen-four.png", pictures / "chalk-three.png"]
    assert run("predict", *two, "--explain", f"{tmp_path / 'how.png'}/").returncode == 0
    assert len(list((tmp_path / "how.png").iterdir())) == 2


def test_an_empty_shard_needs_no_explanation(pictures: Path, run: Run, tmp_path: Path) -> None:
    outputs = []
    for shard in ("1/2", "2/2"):
        words = ("predict", pictures / "pen-four.png", "--shard", shard)
        ran = run(*words, "--explain", f"{tmp_path / 'how'}/")
        assert ran.returncode == 0
        outputs.append(ran.stdout)
    assert "" in outputs
