"""Showing how a picture was read, as a picture and in a terminal."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_edge import Classifier, Prediction
from mnist_edge.inference.classifier import Abstention
from mnist_edge.inference.explain import (
    ACCENT,
    PANEL_SIZE,
    PIXEL_SIZE,
    draw_explanation,
    draw_page,
    headline,
    panel_corner,
    pixels_to_text,
)
from mnist_edge.preprocessing.binarization import InkMap
from mnist_edge.preprocessing.connected_components import Component
from mnist_edge.preprocessing.pipeline import (
    PAGE_SIDE,
    PreprocessingTrace,
    preprocess,
    trace_preprocessing,
)
from tests.support.programs import Run, Start

_SIZE = (panel_corner(4)[0], panel_corner(0)[1] + PANEL_SIZE + 20)


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier()


def answer(
    digit: int | None = 7, *, sure: float = 0.91, abstained: Abstention | None = None
) -> Prediction:
    rest = (1 - sure) / 9
    chances = tuple(sure if one == (digit or 0) else rest for one in range(10))
    return Prediction(digit=digit, confidence=sure, probabilities=chances, abstained=abstained)


def panel(image: Image.Image, index: int) -> NDArray[np.uint8]:
    """A panel with the ten pixels round it, where boxes and frames may reach."""
    left, top = panel_corner(index)
    return np.asarray(
        image.crop((left - 10, top - 10, left + PANEL_SIZE + 10, top + PANEL_SIZE + 10))
    )


def inside(image: Image.Image, index: int) -> NDArray[np.uint8]:
    return panel(image, index)[10:-10, 10:-10]


def extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what a mask holds, the latter two beyond the last."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def bars(image: Image.Image) -> list[tuple[int, bool]]:
    """The length of each digit's bar in pixels, and whether it is accented."""
    columns = inside(image, 3)[:, 22:-72]
    found = []
    for digit in range(10):
        line = columns[digit * PANEL_SIZE // 10 + PANEL_SIZE // 20].astype(int)
        filled = (line != 240).any(axis=1)
        accented = bool((line == ACCENT).all(axis=1).any())
        found.append((int(filled.sum()), accented))
    return found


@pytest.mark.parametrize("name", ["pen-four.png", "chalk-three.png", "mnist-seven.png"])
def test_the_box_is_round_the_digit_and_its_ink_is_black(
    name: str, pictures: Path, classifier: Classifier
) -> None:
    trace = trace_preprocessing(pictures / name)
    assert trace.digit
    image = draw_explanation(trace, classifier.classify(trace))
    assert (image.mode, image.size) == ("RGB", _SIZE)
    fit = PANEL_SIZE / max(trace.labels.shape)
    ends = (trace.digit.left, trace.digit.top, trace.digit.right, trace.digit.bottom)
    expected = [10 + end * fit for end in ends]
    box = extent((panel(image, 0) == ACCENT).all(axis=2))
    # The line is 3 wide, and 2 pixels off the ink.
    assert np.abs(np.subtract(box, expected) - (-5, -5, 5, 5)).max() <= 1
    ink = extent((panel(image, 1) < 100).all(axis=2))
    assert np.abs(np.subtract(ink, expected)).max() <= 2


def test_the_models_pixels_are_enlarged_and_not_changed(
    pictures: Path, classifier: Classifier
) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png")
    image = draw_explanation(trace, classifier.classify(trace))
    large = np.kron(trace.pixels, np.ones((PIXEL_SIZE, PIXEL_SIZE), np.uint8))
    assert np.array_equal(inside(image, 2), np.repeat(large[..., np.newaxis], 3, axis=2))
    # A frame of one pixel, then paper.
    assert (panel(image, 2)[9, 9:-9] == 190).all()
    assert (panel(image, 2)[8] == 255).all()


def test_the_bar_of_the_answer_is_longest_and_alone_accented(pictures: Path) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png")
    chances = (0.05, 0, 0.1, 0, 0.6, 0, 0, 0.25, 0, 0)
    drawn = bars(
        draw_explanation(trace, Prediction(digit=4, confidence=0.6, probabilities=chances))
    )
    lengths = [length for length, _ in drawn]
    assert [accented for _, accented in drawn] == [digit == 4 for digit in range(10)]
    full = PANEL_SIZE - 72 - 22
    assert lengths == pytest.approx([full * chance for chance in chances], abs=1.5)
    assert lengths[1] == 0


def test_where_there_is_no_answer_no_bar_is_accented(pictures: Path) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png")
    drawn = bars(draw_explanation(trace, answer(None, abstained="low-confidence")))
    assert not any(accented for _, accented in drawn)


def test_the_headline_says_what_predict_says() -> None:
    assert headline(answer(7, sure=0.992)) == "7 (99.2 %)"
    assert headline(answer(None, abstained="not-one-digit")) == "- (not-one-digit)"


def test_other_digits_have_gray_boxes_and_gray_ink(classifier: Classifier) -> None:
    page = Image.new("RGB", (400, 300), (250, 250, 245))
    pen = ImageDraw.Draw(page)
    for left in (100, 260):
        pen.line([(left, 80), (left + 50, 80), (left + 15, 220)], fill=(20, 20, 90), width=14)
    trace = trace_preprocessing(page)
    assert len(trace.candidates) == 2
    prediction = classifier.classify(trace)
    assert prediction.abstained == "not-one-digit"
    image = draw_explanation(trace, prediction)
    (other,) = (one for one in trace.candidates if one is not trace.digit)
    fit = PANEL_SIZE / 400
    box = extent((panel(image, 0) == 128).all(axis=2))
    expected = [10 + end * fit for end in (other.left, other.top, other.right, other.bottom)]
    assert np.abs(np.subtract(box, expected) - (-3, -3, 3, 3)).max() <= 1
    ink = panel(image, 1)[int(expected[1]) : int(expected[3]), int(expected[0]) : int(expected[2])]
    assert ink.min() > 150
    assert (ink == 205).all(axis=2).any()


def test_a_blank_picture_has_no_box_and_no_ink(classifier: Classifier) -> None:
    trace = trace_preprocessing(Image.new("L", (300, 200), 230))
    assert trace.digit is None
    image = draw_explanation(trace, classifier.classify(trace))
    assert not (panel(image, 0) == ACCENT).all(axis=2).any()
    assert (inside(image, 1)[:180] == 255).all()
    assert not inside(image, 2).any()


def made(height: int, width: int, piece: Component | None) -> PreprocessingTrace:
    """A trace of some size, its ink in one box."""
    labels = np.zeros((height, width), np.int32)
    if piece:
        labels[piece.top : piece.bottom, piece.left : piece.right] = 1
    return PreprocessingTrace(
        rgb=np.full((height, width, 3), 200, np.uint8),
        scale=1.0,
        ink_map=InkMap(contrast=255 * (labels > 0).astype(np.float32), noise=0.0),
        labels=labels,
        components=(piece,) if piece else (),
        candidates=(piece,) if piece else (),
        digit=piece,
        pixels=np.zeros((28, 28), np.uint8),
        problem=None if piece else "blank",
    )


@pytest.mark.parametrize("size", [(640, 1), (1, 640), (28, 28), (2, 640), (1, 1), (640, 480)])
def test_a_picture_of_any_aspect_is_drawn_with_its_box(size: tuple[int, int]) -> None:
    height, width = size
    # The ink that is hardest to box: all that there is, up to every edge.
    piece = Component(labels=(1,), area=height * width, top=0, left=0, bottom=height, right=width)
    image = draw_explanation(made(height, width, piece), answer())
    assert image.size == _SIZE
    fit = PANEL_SIZE / max(size)
    box = extent((panel(image, 0) == ACCENT).all(axis=2))
    expected = (5, 5, 15 + max(1, round(width * fit)), 15 + max(1, round(height * fit)))
    assert box == expected
    assert (
        draw_explanation(made(height, width, None), answer(None, abstained="blank")).size == _SIZE
    )


@given(
    arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 40)] * 2, st.just(3))),
    st.integers(0, 9),
)
def test_any_small_picture_is_drawn(array: NDArray[np.uint8], digit: int) -> None:
    trace = trace_preprocessing(array)
    assert trace.labels.shape == trace.rgb.shape[:2]
    image = draw_explanation(trace, answer(digit))
    assert (image.mode, image.size) == ("RGB", _SIZE)
    large = np.kron(trace.pixels, np.ones((PIXEL_SIZE, PIXEL_SIZE), np.uint8))
    assert np.array_equal(inside(image, 2)[..., 0], large)


@pytest.mark.parametrize("error", [TypeError, ImportError])
def test_a_pillow_with_one_size_of_letters_writes_all_the_same(
    error: type[Exception], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_default(size: float | None = None) -> ImageFont.ImageFont:
        if size is not None:
            raise error
        return ImageFont.load_default_imagefont()

    monkeypatch.setattr(ImageFont, "load_default", load_default)
    image = draw_explanation(trace_preprocessing(pictures / "pen-four.png"), answer(4))
    assert image.size == _SIZE
    left, top, right, bottom = extent((np.asarray(image)[:70] == 34).all(axis=2))
    assert (right - left, bottom - top) >= (100, 20)
    # No percentage runs over its bar's end.
    assert (inside(image, 3)[:, -71:-67] == 255).all()


def parsed(text: str, shades: str) -> NDArray[np.int64]:
    """The levels of what ``--show`` printed."""
    top, *rows, bottom = text.splitlines()
    assert len(rows) == 28
    assert {len(line) for line in (top, *rows, bottom)} == {58}
    levels = np.array([[shades.index(one) for one in row[1:-1]] for row in rows])
    assert np.array_equal(levels[:, ::2], levels[:, 1::2])
    return levels[:, ::2]


@pytest.mark.parametrize(
    ("encoding", "shades"), [("utf-8", " ░▒▓█"), ("cp437", " ░▒▓█"), ("ascii", " .:-=+*#%@")]
)
@given(pixels=arrays.arrays(np.uint8, (28, 28)))
def test_pixels_in_a_terminal_are_the_pixels(
    encoding: str, shades: str, pixels: NDArray[np.uint8]
) -> None:
    text = pixels_to_text(pixels, encoding=encoding)
    text.encode(encoding)
    levels = parsed(text, shades)
    step = 255 / (len(shades) - 1)
    assert np.array_equal(levels == 0, pixels == 0)
    assert (np.abs(levels * step - pixels) < step).all()
    assert (levels[pixels == 255] == len(shades) - 1).all()


def test_an_encoding_that_python_does_not_know_is_a_poor_one() -> None:
    assert pixels_to_text(np.zeros((28, 28), np.uint8), encoding="klingon").isascii()


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


def test_show_needs_no_more_than_ascii(pictures: Path, start: Start) -> None:
    ran = start("predict", "--show", pictures / "pen-four.png", env={"PYTHONIOENCODING": "ascii"})
    assert (ran.returncode, ran.stderr) == (0, b"")
    said, _, drawn = ran.stdout.decode("ascii").partition("\n")
    assert said.endswith("pen-four.png: 4 (100.0 %)")
    assert drawn.strip() == pixels_to_text(
        trace_preprocessing(pictures / "pen-four.png").pixels, encoding="ascii"
    )


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_show_is_for_text(kind: str, pictures: Path, run: Run) -> None:
    ran = run("predict", "--show", "--format", kind, pictures)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"mnist-edge: --show and --format {kind} cannot be combined: --show prints pixels as text\n"
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("how.png", "PNG"), ("how.JPG", "JPEG"), ("new/how.jpeg", "JPEG")]
)
def test_one_picture_is_explained_in_a_file_of_its_suffix(
    name: str, kind: str, pictures: Path, tmp_path: Path, run: Run
) -> None:
    path = pictures / "pen-four.png"
    ran = run("predict", path, "--explain", tmp_path / name)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == run("predict", path).stdout
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.mode, image.size) == (kind, "RGB", _SIZE)
    assert [one.name for one in (tmp_path / name).parent.iterdir()] == [Path(name).name]


def test_the_file_is_what_draw_draws_and_a_second_one_replaces_it(
    pictures: Path, tmp_path: Path, run: Run, classifier: Classifier
) -> None:
    target = tmp_path / "how.png"
    for name in ("pen-four.png", "chalk-three.png"):
        run("predict", pictures / name, "--explain", target)
        trace = trace_preprocessing(pictures / name)
        expected = draw_explanation(trace, classifier.classify(trace))
        with Image.open(target) as image:
            assert np.array_equal(np.asarray(image), np.asarray(expected))


def _changed_by_name(name: str | None, *, pictures: Path) -> NDArray[np.bool_]:
    """Where a file's name changes the explanation of one picture."""
    trace = trace_preprocessing(pictures / "pen-four.png")
    plain, named = (
        np.asarray(draw_explanation(replace(trace, name=each), answer(4))) for each in (None, name)
    )
    changed: NDArray[np.bool_] = (plain != named).any(axis=2)
    return changed


@pytest.mark.parametrize("name", ["four.png", "\u4e94\n\udcff.png", "x" * 250, "i" * 250])
def test_an_explanation_carries_the_files_name(name: str, pictures: Path) -> None:
    left, top, right, bottom = extent(_changed_by_name(name, pictures=pictures))
    assert (left, bottom) >= (_SIZE[0] // 2 - 21, top + 5)
    assert right <= _SIZE[0] - 19
    # Above the panels' titles.
    assert bottom < panel_corner(0)[1] - 30


def test_what_was_not_read_from_a_file_has_no_name(pictures: Path) -> None:
    content = (pictures / "pen-four.png").read_bytes()
    assert trace_preprocessing(content).name is None
    assert trace_preprocessing(pictures / "pen-four.png").name == "pen-four.png"
    assert trace_preprocessing(str(pictures / "pen-four.png")).name == "pen-four.png"
    assert not _changed_by_name(None, pictures=pictures).any()


def test_a_page_carries_the_files_name_above_the_picture(
    pictures: Path, classifier: Classifier
) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png", side=PAGE_SIDE)
    page = classifier.classify_page(trace)
    named, plain = draw_page(trace, page), draw_page(replace(trace, name=None), page)
    added = named.height - plain.height
    assert added > 0
    assert np.array_equal(np.asarray(named)[20 + added :], np.asarray(plain)[20:])
    assert (np.asarray(named)[20 : 20 + added] < 255).any()


def test_several_pictures_are_explained_in_a_folder_by_number(
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


def test_a_folder_stays_one_whatever_stands_for_the_picture(
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


def test_a_long_name_is_cut(pictures: Path, tmp_path: Path, run: Run) -> None:
    long = tmp_path / f"{'€' * 80}.png"
    shutil.copy(pictures / "pen-four.png", long)
    assert run("predict", long, "--explain", f"{tmp_path}/out/").returncode == 0
    assert files_in(tmp_path / "out") == [f"0001-{'€' * 50}.png"]


def test_always_is_explained_with_the_answer_it_insists_on(
    tmp_path: Path, run: Run, classifier: Classifier
) -> None:
    blank, target = tmp_path / "blank.png", tmp_path / "how.png"
    Image.new("L", (40, 40), 255).save(blank)
    trace = trace_preprocessing(blank)
    withheld = classifier.classify(trace)
    for words, prediction in (([], withheld), (["--always"], withheld.without_abstention())):
        assert run("predict", blank, "--explain", target, *words).returncode == 0
        with Image.open(target) as image:
            assert np.array_equal(
                np.asarray(image), np.asarray(draw_explanation(trace, prediction))
            )
            assert any(accented for _, accented in bars(image)) == bool(words)


@pytest.mark.parametrize("name", ["how.xyz", "how", "how.gif", ".png"])
def test_a_suffix_of_no_known_format_is_wrong_usage(
    name: str, pictures: Path, tmp_path: Path, run: Run
) -> None:
    ran = run("predict", pictures / "pen-four.png", "--explain", tmp_path / name)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"mnist-edge: --explain {tmp_path / name}: ")
    assert ".png" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_empty_name_is_wrong_usage(pictures: Path, run: Run) -> None:
    ran = run("predict", pictures / "pen-four.png", "--explain", "")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("mnist-edge: --explain '': expected ")


def test_a_picture_to_be_read_is_not_written_over(
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


def test_a_place_that_cannot_be_written_is_one_line_before_any_answer(
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
        assert ran.stderr.startswith("mnist-edge: cannot write ")
        assert ran.stderr.count("\n") == 1
    ran = run("predict", *one, "--explain", tmp_path / f"{'n' * 300}.png")
    assert ran.returncode == 1
    assert ran.stderr.startswith("mnist-edge: cannot write ")
    assert files_in(tmp_path) == ["file"]


@pytest.mark.parametrize("asked", [False, True])
def test_what_explains_is_imported_when_asked_for(
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
def test_a_file_cannot_show_several_pictures(
    out: str, of: str, pictures: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    two = [pictures / "pen-four.png", pictures / "chalk-three.png"]
    names = {"two": two, "folder": [pictures], "pattern": [pictures / "pen-*.png"]}[of]
    ran = run("predict", *names, "--explain", out)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "expected a folder, such as" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_may_be_called_like_a_file_by_its_slash(
    pictures: Path, run: Run, tmp_path: Path
) -> None:
    two = [pictures / "pen-four.png", pictures / "chalk-three.png"]
    assert run("predict", *two, "--explain", f"{tmp_path / 'how.png'}/").returncode == 0
    assert len(list((tmp_path / "how.png").iterdir())) == 2


def test_no_picture_at_all_is_no_crash(pictures: Path, run: Run, tmp_path: Path) -> None:
    outputs = []
    for shard in ("1/2", "2/2"):
        words = ("predict", pictures / "pen-four.png", "--shard", shard)
        ran = run(*words, "--explain", f"{tmp_path / 'how'}/")
        assert ran.returncode == 0
        outputs.append(ran.stdout)
    assert "" in outputs
