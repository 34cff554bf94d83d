"""Runs on two nodes of this machine, and what is left of them after faults."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pyarrow.parquet as pq
import pytest

from mnist_edge.deployment.cluster.plan import INPUTS
from mnist_edge.inference.columns import read_columns
from tests.support.listening import listening_addresses
from tests.support.paths import ROOT
from tests.support.poisoned_pictures import POISONED
from tests.support.programs import start_program
from tests.support.ray_nodes import RayNodes, ray_nodes
from tests.support.waiting import SECONDS, eventually

pytestmark = pytest.mark.slow

PICTURES = 24
PART = 2
"""Pictures of a part: a task then takes about half a second."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayNodes]:
    """Two nodes with a processor each; tests that kill one come last."""
    with ray_nodes(2) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos that take a while each, a broken file, and one that asks for much memory."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PICTURES - 2):
        shutil.copy(ROOT / "docs/images/page.jpg", folder / f"{number:02}.jpg")
    (folder / "bomb.png").write_bytes(POISONED["16-bit RGBA"]())
    (folder / "none.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def expected(photos: Path) -> dict[str, str | None]:
    """What ``predict`` reads in each."""
    paths = ["00.jpg", "bomb.png", "none.png"]
    answers = read_columns({"path": [str(photos / name) for name in paths]}, read_all=True)
    found = dict(zip(answers["path"], answers["text"], strict=True))
    page = found[str(photos / "00.jpg")]
    return {str(path): found.get(str(path), page) for path in sorted(photos.iterdir())}


@contextmanager
def running(cluster: RayNodes, photos: Path, out: Path, *words: str) -> Iterator[Popen[str]]:
    options = ("--all", "--part", str(PART), "--address", cluster.address)
    with start_program("batch", photos, out, *options, *words) as process:
        yield process


def wait_until(condition: Callable[[], object], process: Popen[str]) -> None:
    """Wait while a run goes on."""

    def holds() -> object:
        assert process.poll() is None, process.communicate()
        return condition()

    eventually(holds)


def parts(out: Path) -> list[Path]:
    return sorted(out.glob("part-*"))


def end(process: Popen[str]) -> tuple[str, str]:
    said, warned = process.communicate(timeout=SECONDS)
    # 1, since a picture could not be read.
    assert process.returncode == 1, warned
    assert "mnist-edge:" not in warned
    return said, warned


def require_complete(out: Path, expected: dict[str, str | None]) -> None:
    """Check that no row is lost and none is there twice, each with the answer of predict."""
    rows = pq.read_table(out, columns=["path", "text"]).to_pydict()
    assert sorted(rows["path"]) == sorted(expected)
    assert dict(zip(rows["path"], rows["text"], strict=True)) == expected
    assert (out / "_SUCCESS").exists()
    summary = json.loads((out / "_summary.json").read_text())
    assert (summary["rows"], summary["errors"]) == (PICTURES, {"UnreadablePicture": 2})
    # Nothing else is left, and nothing half-written.
    left = {path.name for path in out.iterdir()} - {path.name for path in parts(out)}
    assert left == {INPUTS, "_plan.json", "_summary.json", "_SUCCESS"}


def test_a_killed_worker_costs_nothing(
    cluster: RayNodes, photos: Path, expected: dict[str, str | None], tmp_path: Path
) -> None:
    with running(cluster, photos, tmp_path / "out") as process:
        wait_until(lambda: parts(tmp_path / "out"), process)
        wait_until(lambda: cluster.kill_worker(1), process)
        end(process)
    require_complete(tmp_path / "out", expected)
    assert listening_addresses(cluster.nodes[1].pid) == {"127.0.0.1"}


def test_a_killed_driver_leaves_whole_parts_and_the_next_goes_on(
    cluster: RayNodes, photos: Path, expected: dict[str, str | None], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with running(cluster, photos, out) as process:
        wait_until(lambda: len(parts(out)) >= 2, process)
        process.kill()
        process.wait()
    assert not (out / "_SUCCESS").exists()
    before = {path: path.stat().st_mtime_ns for path in parts(out)}
    assert sum(pq.read_metadata(path).num_rows for path in before) == PART * len(before)
    with running(cluster, photos, out, "--resume") as process:
        end(process)
    require_complete(out, expected)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_full_disk_ends_the_run_and_a_larger_one_goes_on(
    cluster: RayNodes, photos: Path, expected: dict[str, str | None], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk) as enlarge:
        with running(cluster, photos, disk / "out") as process:
            _, warned = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
        assert "No space left on device" in warned.splitlines()[-1]
        assert not (disk / "out/_SUCCESS").exists()
        enlarge()
        with running(cluster, photos, disk / "out", "--resume") as process:
            end(process)
        require_complete(disk / "out", expected)


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[], None]]:
    """Mount a disk of some kilobytes; yield what makes it larger."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        words = ["mount", "-o", "remount,size=1m", str(folder)]
        yield lambda: void(subprocess.run(words, check=True))
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607


def void(value: object) -> None:
    del value


def test_a_killed_node_costs_nothing_and_one_processor_is_enough(
    cluster: RayNodes, photos: Path, expected: dict[str, str | None], tmp_path: Path
) -> None:
    with running(cluster, photos, tmp_path / "out") as process:
        wait_until(lambda: parts(tmp_path / "out"), process)
        cluster.kill_node(1)
        end(process)
    require_complete(tmp_path / "out", expected)
