"""The command ``bundle``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mnist_edge.deployment import bundle
from mnist_edge.errors import UnknownName
from tests.support.programs import Run


def test_an_unknown_target_is_a_usage_error(run: Run) -> None:
    ran = run("bundle", "--target", "pi-buster-64")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"mnist-edge: {UnknownName('target', 'pi-buster-64', bundle.TARGETS)}\n"
    help_text = run("bundle", "--help").stdout
    assert all(name in help_text for name in bundle.TARGETS)


def test_what_cannot_be_packed_is_refused_before_anything_is_built(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run("bundle", "--target", "linux-x86_64", "--out", tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"mnist-edge: cannot write {tmp_path}: Is a directory; ")
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    ran = run("bundle", "--target", "linux-x86_64", "--out", tmp_path / "new" / "bundle.tar.gz")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("mnist-edge: a bundle needs the package packaging; ")
    assert not list(tmp_path.iterdir())
