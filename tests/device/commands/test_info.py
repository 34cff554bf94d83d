from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.programs import Run, exit_status


def test_an_unknown_seed_is_left_out(nano: Path, tmp_path: Path, run: Run) -> None:
    shutil.copy(nano / "int8.tflite", tmp_path)
    document = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    for seed, said in ((None, "tutorial"), (0, "tutorial, seed 0")):
        document.update(recipe="tutorial", seed=seed)
        (tmp_path / "int8.json").write_text(json.dumps(document), encoding="utf-8")
        lines = run("info", tmp_path).stdout.splitlines()
        assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("recipe")] == [said]


def test_info_compares_the_manifest_with_the_file(
    tmp_path: Path, nano: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("info") == 0
    out = capsys.readouterr().out
    assert "(verified)" in out
    assert re.search(r"\nconfidence +temperature \d.* on validation, abstains below \d", out)
    assert exit_status("info", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["agree"]
    assert document["found"]["input"] == document["manifest"]["input"]
    shutil.copy(nano / "int8.tflite", tmp_path)
    lying = (nano / "int8.json").read_text().replace('"zero_point": -128', '"zero_point": 0')
    (tmp_path / "int8.json").write_text(lying)
    assert exit_status("info", str(tmp_path)) == 1
    assert "DIFFERS" in capsys.readouterr().out
    (tmp_path / "int8.json").unlink()
    assert exit_status("info", str(tmp_path / "int8.tflite")) == 0
    assert "no manifest" in capsys.readouterr().out
