"""What goes into a bundle for each board."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mnist_edge.deployment import bundle
from mnist_edge.deployment.bundle.targets import (
    LINUX_X86_64,
    PI_BOOKWORM_32,
    PI_BOOKWORM_64,
    PI_TRIXIE_64,
    Target,
)
from mnist_edge.deployment.bundle.wheels import direct_requirements
from mnist_edge.errors import BundleFailed, ModelHashMismatch, UnknownName
from tests.support.bundles import HERE, make_bundle, make_wheel

Run = Callable[..., CompletedProcess[str]]


def project_needs(target: Target, folder: Path) -> dict[str, str]:
    """What this project requires on a target, by name."""
    wheel = make_wheel(folder, "mnist_edge-1", requires=metadata.requires("mnist-edge") or [])
    return {one.name: str(one.specifier) for one in direct_requirements(wheel, target)}


def test_each_board_gets_the_runtime_and_the_numpy_that_its_python_takes(tmp_path: Path) -> None:
    bookworm = project_needs(PI_BOOKWORM_64, tmp_path)
    assert set(bookworm) == {"numpy", "pillow", "typer", "tflite-runtime"}
    assert "<2" in bookworm["numpy"]
    trixie = project_needs(PI_TRIXIE_64, tmp_path)
    assert set(trixie) == {"numpy", "pillow", "typer", "ai-edge-litert"}
    assert "<2" not in trixie["numpy"]
    # numpy and Pillow have no wheels for it: they are the system's.
    assert set(project_needs(PI_BOOKWORM_32, tmp_path)) == {"typer", "tflite-runtime"}
    assert project_needs(LINUX_X86_64, tmp_path) == bookworm


def test_wheels_are_taken_up_to_the_boards_own_c_library() -> None:
    assert PI_BOOKWORM_64.platforms[0] == "manylinux_2_36_aarch64"
    # The newest of tflite-runtime 2.14.0 and the oldest that there are.
    assert {"manylinux_2_34_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(
        PI_BOOKWORM_64.platforms
    )
    assert "manylinux_2_29_x86_64" not in LINUX_X86_64.platforms


def test_an_unknown_board_is_wrong_usage(run: Run) -> None:
    ran = run("bundle", "--target", "pi-buster-64")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"mnist-edge: {UnknownName('target', 'pi-buster-64', bundle.TARGETS)}\n"
    help_text = run("bundle", "--help").stdout
    assert all(name in help_text for name in bundle.TARGETS)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip can download from."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def test_wheels_are_chosen_by_the_boards_markers_and_not_by_this_machines(
    index: Path, tmp_path: Path
) -> None:
    own = make_wheel(tmp_path, "own-1", requires=["outer>=1; sys_platform=='linux'", "numpy"])
    make_wheel(
        index,
        "outer-1",
        requires=[
            "inner[more]",
            "elsewhere; python_version < '3.12'",
            "inner<3; python_version == '3.13' and platform_machine == 'aarch64'",
        ],
    )
    for version in ("2", "3"):
        make_wheel(
            index, f"inner-{version}", requires=["further; extra == 'more'", "no; extra=='x'"]
        )
    make_wheel(index, "further-1", requires=["own", "outer<2", "numpy>1"])
    make_wheel(index, "numpy-2", tag="cp313-cp313-manylinux_2_41_aarch64")
    make_wheel(index, "numpy-3", tag="cp313-cp313-manylinux_2_42_aarch64")
    make_wheel(index, "own-1")
    found = bundle.fetch_wheels(own, PI_TRIXIE_64, tmp_path / "wheels")
    names = [wheel.name.rsplit("-py3", 1)[0] for wheel in found]
    assert names == [
        "further-1",
        "inner-2",
        "numpy-2-cp313-cp313-manylinux_2_41_aarch64.whl",
        "outer-1",
        "own-1",
    ]


def test_what_pip_cannot_have_is_said_in_one_line(index: Path, tmp_path: Path, run: Run) -> None:
    index.mkdir()
    own = make_wheel(tmp_path, "own-1", requires=["nowhere>=2"])
    with pytest.raises(BundleFailed, match=r"nowhere>=2; check the network") as failed:
        bundle.fetch_wheels(own, PI_BOOKWORM_64, tmp_path / "wheels")
    assert "\n" not in str(failed.value)
    out = tmp_path / "bundle.tar.gz"
    ran = run("bundle", "--target", "pi-bookworm-64", "--out", out)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "mnist-edge: pip failed at building" in ran.stderr.splitlines()[-1]
    assert not out.exists()


def test_the_checksums_are_of_every_other_file(tmp_path: Path, nano: Path) -> None:
    model = bundle.find_model("nano")
    unpacked = make_bundle(tmp_path, models=[model])
    lines = (unpacked / "SHA256SUMS").read_text().splitlines()
    said = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {str(p.relative_to(unpacked)): p for p in unpacked.rglob("*") if p.is_file()}
    assert said == {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name != "SHA256SUMS"
    }
    assert (unpacked / "models/01/int8.tflite").read_bytes() == (nano / "int8.tflite").read_bytes()
    document = json.loads((unpacked / "bundle.json").read_text())
    assert document["target"]["name"] == "here"
    assert document["wheels"] == {"mnist_edge": "1", "other": "1.0"}
    assert document["models"][0]["sha256"] == said["models/01/int8.tflite"]


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    make_bundle(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    wheels = sorted((tmp_path / "other").glob("*.whl"))
    for wheel in wheels:
        os.utime(wheel, (1_000_000_000, 1_000_000_000))
        wheel.chmod(0o600)
    own, other, installer = wheels
    again = bundle.write_bundle(
        tmp_path / "again.tar.gz", HERE, own=own, wheels=[other], installer=installer, models=[]
    )
    assert again.path.read_bytes() == (tmp_path / "one" / "1.tar.gz").read_bytes()
    with tarfile.open(again.path) as archive:
        members = archive.getmembers()
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in members} == {
        (0, 0, "", "", 315_532_800)
    }
    assert [one.name for one in members if one.mode == 0o755] == ["mnist-edge-here/install.sh"]
    assert len({one.name.split("/")[0] for one in members}) == 1


def test_a_model_that_nothing_vouches_for_is_not_bundled(nano: Path, tmp_path: Path) -> None:
    shutil.copy(nano / "int8.json", tmp_path)
    (tmp_path / "int8.tflite").write_bytes(b"\0" * 4 + b"TFL3")
    with pytest.raises(ModelHashMismatch):
        bundle.find_model(str(tmp_path))
