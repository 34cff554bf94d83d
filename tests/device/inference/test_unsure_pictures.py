"""Unsure pictures: which are kept, with what record, and that the folder stays bounded."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.errors import NotWritable, UnreadablePicture
from mnist_edge.inference.classifier import Prediction
from mnist_edge.inference.unsure_pictures import UnsurePictures, unsure_reasons
from tests.support.paths import ROOT

UNSURE = Prediction(
    digit=None, confidence=0.4, probabilities=(0.4, *[0.6 / 9] * 9), abstained="low-confidence"
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier("nano")


def picture(seed: int, side: int = 40) -> bytes:
    """A picture like no other, of a known size on the disk."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)
    Image.fromarray(pixels).save(stream, "BMP")
    return stream.getvalue()


def warn(message: str) -> None:
    raise AssertionError(message)


def test_each_kind_of_unsure_answer_has_its_reason(classifier: Classifier) -> None:
    certain = Prediction(digit=3, confidence=0.999, probabilities=(0.1,) * 10)
    assert unsure_reasons(certain) == []
    assert unsure_reasons(UnreadablePicture("torn")) == []
    assert unsure_reasons(classifier.predict(np.full((50, 50), 255, np.uint8))) == []
    assert unsure_reasons(UNSURE) == ["low-confidence"]
    unclear = Prediction(digit=3, confidence=0.9, probabilities=(0.1,) * 10)
    assert unsure_reasons(unclear) == ["unclear"]


def test_a_kept_picture_is_as_it_came_with_what_was_read(
    classifier: Classifier, tmp_path: Path
) -> None:
    folder = tmp_path / "unsure"
    unsure = UnsurePictures(folder, warn=warn)
    source = tmp_path / "a.tmp"
    source.write_bytes(picture(0))
    kept = unsure.keep_file(str(source), UNSURE, classifier)
    assert kept is not None
    assert kept.suffix == ".bmp"
    assert kept.read_bytes() == picture(0)
    record = json.loads(kept.with_suffix(".json").read_text())
    assert record["path"] == str(source)
    assert record["model"] == {"name": "nano/int8", "sha256": classifier.model.sha256}
    assert record["reasons"] == ["low-confidence"]
    assert record["read"] == UNSURE.to_dict()
    assert record["time"].endswith("+00:00")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    long = unsure.keep(picture(1), UNSURE, classifier, name="a" * 10**6)
    assert long is not None
    assert long.with_suffix(".json").stat().st_size < 10_000
    long.unlink()
    long.with_suffix(".json").unlink()
    # The same picture is not kept again, whoever sends it.
    assert UnsurePictures(folder, warn=warn).keep(picture(0), UNSURE, classifier, name="b") is None
    assert len(list(folder.iterdir())) == 2


def test_a_page_is_kept_with_its_boxes(tmp_path: Path) -> None:
    classifier = Classifier("nano", min_confidence=1.0)
    content = (ROOT / "docs/images/number.jpg").read_bytes()
    page = classifier.predict_all(content)
    kept = UnsurePictures(tmp_path, warn=warn).keep(content, page, classifier, name="page")
    assert kept is not None
    assert json.loads(kept.with_suffix(".json").read_text())["read"] == page.to_dict()
    assert len(page.digits) > 1


def test_links_are_not_followed(classifier: Classifier, tmp_path: Path) -> None:
    folder = tmp_path / "unsure"
    unsure = UnsurePictures(folder, warn=warn)
    secret = tmp_path / "secret.bmp"
    secret.write_bytes(picture(0))
    (tmp_path / "link.bmp").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe.bmp")
    for name in ("link.bmp", "pipe.bmp", "gone.bmp", "nul\0.bmp"):
        assert unsure.keep_file(str(tmp_path / name), UNSURE, classifier) is None
    assert list(folder.iterdir()) == []


def test_the_oldest_pictures_make_room_but_not_labeled_or_foreign_ones(
    classifier: Classifier, tmp_path: Path
) -> None:
    own = tmp_path / "mine.png"
    own.write_bytes(bytes(50_000))
    # Each picture takes a block, and its record another.
    unsure = UnsurePictures(tmp_path, max_bytes=5 * 8192, warn=warn)
    kept = [unsure.keep(picture(seed), UNSURE, classifier, name="p") for seed in range(5)]
    assert all(kept)
    (tmp_path / "labels.csv").write_text(f"path,label\n{kept[0].name},3\n{kept[1].name},\n")  # type: ignore[union-attr]
    new = unsure.keep(picture(5), UNSURE, classifier, name="p")
    assert [one.exists() for one in [*kept, new] if one] == [True, False, True, True, True, True]
    assert kept[1] is not None
    assert not kept[1].with_suffix(".json").exists()
    assert own.exists()


def test_a_folder_full_of_labeled_pictures_says_so_once(
    classifier: Classifier, tmp_path: Path
) -> None:
    said: list[str] = []
    unsure = UnsurePictures(tmp_path, max_bytes=8192, warn=said.append)
    kept = unsure.keep(picture(0), UNSURE, classifier, name="p")
    assert kept is not None
    (tmp_path / "labels.csv").write_text(f"path,label\n{kept.name},3\n")
    for seed in (1, 2):
        assert unsure.keep(picture(seed), UNSURE, classifier, name="p") is None
    (message,) = said
    assert "no room" in message
    assert kept.exists()


def test_a_run_goes_on_if_the_folder_is_lost(classifier: Classifier, tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "unsure"
    unsure = UnsurePictures(folder, warn=said.append)
    shutil.rmtree(folder)
    folder.write_text("somebody's file")
    for seed in (0, 1):
        assert unsure.keep(picture(seed), UNSURE, classifier, name="p") is None
    (message,) = said
    assert str(folder) in message
    with pytest.raises(NotWritable):
        UnsurePictures(folder, warn=warn)


def test_leftovers_of_a_killed_process_are_cleared_away(
    classifier: Classifier, tmp_path: Path
) -> None:
    stem = "20260101T000000000Z-0123456789abcdef"
    (tmp_path / f"{stem}.json").write_text("{}")
    (tmp_path / f".{stem}.x1y2.png").write_bytes(b"half")
    (tmp_path / ".mine.png").write_bytes(b"mine")
    kept = UnsurePictures(tmp_path, warn=warn).keep(picture(0), UNSURE, classifier, name="p")
    assert kept is not None
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".mine.png", kept.name, kept.with_suffix(".json").name}


def _keep_many(folder: str, first: int) -> None:
    unsure = UnsurePictures(Path(folder), max_bytes=10 * 8192, warn=warn)
    classifier = Classifier("nano", min_confidence=0.5)
    for seed in range(first, first + 15):
        unsure.keep(picture(seed), UNSURE, classifier, name="p")


def test_several_processes_share_one_bound(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_keep_many, args=(str(tmp_path), first)) for first in (0, 10, 20)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    pictures = sorted(tmp_path.glob("*.bmp"))
    assert len(pictures) == 10
    assert len({path.stem.rpartition("-")[2] for path in pictures}) == 10
    assert [path.stem for path in sorted(tmp_path.glob("*.json"))] == [p.stem for p in pictures]
    assert len(list(tmp_path.iterdir())) == 20
