from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.support.programs import Run


def test_a_seed_that_is_not_known_is_left_out(nano: Path, tmp_path: Path, run: Run) -> None:
    shutil.copy(nano / "int8.tflite", tmp_path)
    document = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    for seed, said in ((None, "tutorial"), (0, "tutorial, seed 0")):
        document.update(recipe="tutorial", seed=seed)
        (tmp_path / "int8.json").write_text(json.dumps(document), encoding="utf-8")
        lines = run("info", tmp_path).stdout.splitlines()
        assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("recipe")] == [said]
