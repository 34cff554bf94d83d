"""The command ``serve``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge.commands import serve
from mnist_edge.deployment.server.settings import ServerSettings
from mnist_edge.monitoring.history import History, HistorySettings
from tests.support.paths import ROOT
from tests.support.programs import Run

EVERYWHERE = "0.0.0.0"  # noqa: S104  # with a token


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", EVERYWHERE], "add --token-file FILE"),
        (["--host", "::"], "add --token-file FILE"),
        (["--tls-cert", "cert.pem"], "belong together"),
        (["--insecure", "--token-file", "t"], "exclude each other"),
        (["--model", "no-such-model"], "no model 'no-such-model'"),
        (["--token-file", "."], "--token-file ."),
        (["--host", "no.such.host.invalid", "--insecure"], "cannot listen on"),
        (["--history", "text"], "text cannot be read: file is not a database"),
    ],
)
def test_a_wrong_start_is_one_line(
    options: list[str], said: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("no history, and longer than the header of one" * 20)
    result = run("serve", "--port", "0", *options)
    assert result.returncode in {1, 2}
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert len([line for line in result.stderr.splitlines() if "mnist-edge:" in line]) == 1


def test_a_history_that_has_not_begun_is_said_at_the_start(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # The start goes no further than this host.
    options = ("--host", "no.such.host.invalid", "--insecure", "--history", "later.db")
    expected = "no history later.db yet: its readings are shown once mnist-edge watch writes it\n"
    assert run("serve", *options).stderr.startswith(expected)
    Path("later.db").touch()
    assert run("serve", *options).stderr.startswith(expected)
    History(HistorySettings(path=Path("later.db"))).close()
    assert "no history" not in run("serve", *options).stderr


def test_the_link_for_others_has_the_token_and_is_a_qr_code_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = "0123456789abcdef"  # noqa: S105  # of this test
    serve.announce(ServerSettings(host="192.0.2.17", port=8080, token=token))
    link, *code = capsys.readouterr().out.splitlines()
    assert link == f"serving on http://192.0.2.17:8080/#token={token}"
    assert len(code) > 10
    assert sum(line.count("█") + line.count("▀") + line.count("▄") for line in code) > 50


@pytest.mark.parametrize(("length", "is_shown"), [(32, True), (512, False)])
def test_a_code_is_printed_where_the_terminal_is_wide_enough(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    length: int,
    is_shown: bool,
) -> None:
    monkeypatch.setattr(serve, "terminal_width", lambda: 80)
    serve.announce(ServerSettings(host="192.0.2.17", port=8080, token="x" * length))
    printed = capsys.readouterr()
    lines = printed.out.splitlines()[1:]
    assert bool(lines) == is_shown
    assert all(len(line) <= 80 for line in lines)
    assert ("takes 89 columns" in printed.err) != is_shown


def test_a_server_on_every_address_is_called_by_the_machines_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve.announce(ServerSettings(host=EVERYWHERE, port=8080))
    assert EVERYWHERE not in capsys.readouterr().out


def test_without_its_packages_serve_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['starlette'] = None\n"
        "from mnist_edge.commands.app import main\n"
        "main(['serve'])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "pip install" in result.stderr
    assert "starlette" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_no_other_command_pays_for_the_server() -> None:
    program = (
        "import sys\n"
        "from mnist_edge import Classifier\n"
        "import mnist_edge.commands.serve\n"
        "print({'starlette', 'uvicorn', 'asyncio', 'segno'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


def test_a_server_without_a_camera_does_not_pay_for_one() -> None:
    program = (
        "import sys\n"
        "import mnist_edge.deployment.server.startup\n"
        "print({name for name in sys.modules if name.startswith(('mnist_edge.monitoring', 'PIL."
        "ImageDraw'))})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"
