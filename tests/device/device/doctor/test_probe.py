from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.device.doctor import probe
from mnist_edge.system.subprocesses import ChildFailed
from tests.support.files import write_text
from tests.support.packages import CRASH


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (CRASH, r"^crashes \(SIGILL, illegal instruction"),
        ("import time\ntime.sleep(60)", "^gives no answer in 0.05 seconds$"),
        ("raise ImportError('no such\\nsymbol')", "^fails: ImportError: no such symbol$"),
        ("raise SystemExit(7)", "^ends with status 7"),
        ("import os\nos._exit(0)", "^ends with status 0"),
    ],
    ids=["crash", "hang", "error", "exit", "silence"],
)
def test_an_import_that_fails_is_described(program: str, said: str, packages: Path) -> None:
    write_text(packages / "broken.py", program)
    with pytest.raises(ChildFailed, match=said):
        # The hanging one times out soon; the others need time to start Python.
        probe.probe_package("broken", seconds=0.05 if "sleep" in program else 60)
