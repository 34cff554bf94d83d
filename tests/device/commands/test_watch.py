from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import Run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name either a FOLDER, or a camera"),
        (["inbox", "--camera", "demo:"], "name either a FOLDER, or a camera"),
        (["inbox"], "name a file for the results by --out"),
        (["--camera", "demo:", "--every", "fast"], "'fast' is no duration"),
        (["--camera", "demo:", "--every", "0"], "every: 0 is outside"),
        (["--camera", "demo:nowhere"], "no pictures in nowhere"),
        (["--camera", "webcam"], "expected rpicam"),
        (["--config", "none.toml"], "watch --init writes"),
        (["--camera", "demo:", "--light-command", "a 'b"], "light_command"),
        (["inbox", "--out", "a.jsonl", "--history", "a.db"], "--history: only with a camera"),
        (["inbox", "--out", "a.jsonl", "--every", "1s"], "--every: only with a camera"),
        (["--init", "my.toml"], "my.toml: not with --init; it writes to --config FILE"),
        (["--init", "--out", "my.toml"], "--out: not with --init; it writes to --config FILE"),
        (["--camera", "demo:", "--all"], "--all: only with a FOLDER"),
        (["--camera", "demo:", "--interval", "5"], "--interval: only with a FOLDER"),
    ],
)
def test_an_unusable_source_is_reported_before_anything_runs(
    words: list[str], message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("watch", *words)
    assert result.returncode in {1, 2}
    assert message in result.stderr
    assert result.stderr.count("\n") <= 2
