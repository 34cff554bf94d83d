from __future__ import annotations

from importlib import metadata
from pathlib import Path

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
from mnist_edge.errors import BundleFailed
from tests.support.bundles import make_wheel
from tests.support.programs import Run


def project_needs(target: Target, folder: Path) -> dict[str, str]:
    """Return this project's requirements on a target by name."""
    wheel = make_wheel(folder, "mnist_edge-1", requires=metadata.requires("mnist-edge") or [])
    return {one.name: str(one.specifier) for one in direct_requirements(wheel, target)}


def test_requirements_follow_the_boards_python(tmp_path: Path) -> None:
    bookworm = project_needs(PI_BOOKWORM_64, tmp_path)
    assert set(bookworm) == {"numpy", "pillow", "typer", "tflite-runtime"}
    assert "<2" in bookworm["numpy"]
    trixie = project_needs(PI_TRIXIE_64, tmp_path)
    assert set(trixie) == {"numpy", "pillow", "typer", "ai-edge-litert"}
    assert "<2" not in trixie["numpy"]
    # numpy and Pillow have no wheels for it: they are the system's.
    assert set(project_needs(PI_BOOKWORM_32, tmp_path)) == {"typer", "tflite-runtime"}
    assert project_needs(LINUX_X86_64, tmp_path) == bookworm


def test_the_server_needs_more_on_request(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "mnist_edge-1", requires=metadata.requires("mnist-edge") or [])
    served = {one.name for one in direct_requirements(wheel, PI_BOOKWORM_64, ["serve"])}
    assert {"starlette", "uvicorn", "python-multipart", "prometheus-client"} <= served


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


@pytest.mark.slow
def test_environment_markers_are_those_of_the_board(index: Path, tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_a_wheel_that_pip_cannot_find_is_one_line(index: Path, tmp_path: Path, run: Run) -> None:
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
