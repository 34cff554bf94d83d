"""The command ``bundle``."""

from __future__ import annotations

from mnist_edge.deployment import bundle
from mnist_edge.errors import UnknownName
from tests.support.programs import Run


def test_an_unknown_target_is_a_usage_error(run: Run) -> None:
    ran = run("bundle", "--target", "pi-buster-64")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"mnist-edge: {UnknownName('target', 'pi-buster-64', bundle.TARGETS)}\n"
    help_text = run("bundle", "--help").stdout
    assert all(name in help_text for name in bundle.TARGETS)
