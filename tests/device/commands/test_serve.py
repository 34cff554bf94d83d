"""The command ``serve``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.digit_server import running_server
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
    ],
)
def test_a_wrong_start_is_one_line(
    options: list[str], said: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("serve", "--port", "0", *options)
    assert result.returncode in {1, 2}
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert len([line for line in result.stderr.splitlines() if "mnist-edge:" in line]) == 1


def test_others_may_come_in_with_a_token_and_a_phone_by_a_qr_code(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with running_server("--host", EVERYWHERE, "--token-file", str(token)) as server:
        assert server.link.endswith(f"/#token={token.read_text().strip()}")
        assert EVERYWHERE not in server.link
        assert server.process.stdout is not None
        code = [server.process.stdout.readline() for _ in range(12)]
        assert sum(line.count("█") + line.count("▀") + line.count("▄") for line in code) > 50
        assert server.end() == 0


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
