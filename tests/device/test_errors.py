"""What the messages of errors advise."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mnist_edge import errors
from mnist_edge.errors import UnknownName, did_you_mean, extra_install_command, reinstall_command
from tests.support.paths import ROOT

EXTRAS = ("workstation", "heic", "micro", "bundle")


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_installed_by_package_names(extra: str) -> None:
    command = extra_install_command(extra)
    assert command.startswith("pip install ")
    assert "mnist-edge" not in command
    wanted = [
        line for line in metadata.requires("mnist-edge") or () if f'extra == "{extra}"' in line
    ]
    assert wanted
    assert len(command.split()) == 2 + len(wanted)


def test_a_source_tree_is_installed_from_itself(tmp_path: Path) -> None:
    # Without site-packages nothing says what was installed.
    program = (
        f"import sys; sys.path[:] = [{str(ROOT)!r}, *(p for p in sys.path if 'site-packages' not in"
        " p)]\nfrom mnist_edge import errors\n"
        "print(errors.extra_install_command('heic')); print(errors.reinstall_command())"
    )
    said = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said == [
        f"pip install '{ROOT}[heic]'",
        "install mnist-edge again, the way it was installed",
    ]


def test_this_package_is_installed_again_from_where_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Installed:
        def __init__(self, record: str | None) -> None:
            self.record = record

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return self.record

    for record, command in {
        '{"url": "file:///a clone", "dir_info": {}}': "pip install --force-reinstall "
        "'file:///a clone'",
        None: "install mnist-edge again, the way it was installed",
        "{": "install mnist-edge again, the way it was installed",
    }.items():
        monkeypatch.setattr(metadata, "distribution", lambda _, record=record: Installed(record))
        assert reinstall_command() == command


def test_no_message_names_a_package_of_pypi_as_ours() -> None:
    for package in ("mnist_edge", "converters"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for advice in ("install 'mnist-edge[", "--force-reinstall mnist-edge"):
                assert advice not in text, path


@pytest.mark.parametrize(
    ("name", "meant"), [("flaot16", "float16"), ("INT8", "int8"), ("xyzzy", None), ("", None)]
)
def test_the_closest_name_is_suggested(name: str, meant: str | None) -> None:
    said = did_you_mean(name, ["float16", "int8"])
    assert said == (f" (did you mean {meant!r}?)" if meant else "")
    message = str(UnknownName("scheme", name, iter(["float16", "int8"])))
    assert message == f"unknown scheme {name!r}{said}: choose one of float16, int8"


def test_every_error_is_in_the_tree_at_the_top() -> None:
    names = [
        name
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, errors.MnistEdgeError)
    ]
    assert all(name in str(errors.__doc__) for name in names)
