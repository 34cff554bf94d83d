"""A damaged model is refused in one line by every command that takes a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.commands.group import COMMANDS
from tests.support.paths import SAMPLE
from tests.support.programs import Run

# MODEL is the damaged one, OWN labeled pictures, and OUT what nothing may be left at.
DOORS = {
    "predict": ("predict", "a.png", "--model", "MODEL"),
    "predict --all": ("predict", "a.png", "--all", "--explain", "OUT", "--model", "MODEL"),
    "watch": ("watch", "inbox", "--out", "OUT", "--once", "--model", "MODEL"),
    "watch --camera": (
        *("watch", "--camera", "demo:", "--once", "--model", "MODEL"),
        *("--history", "OUT"),
    ),
    "serve": ("serve", "--port", "0", "--model", "MODEL"),
    "batch": ("batch", "inbox", "OUT", "--jobs", "1", "--model", "MODEL"),
    "label": ("label", "inbox", "--terminal", "--model", "MODEL"),
    "benchmark": ("benchmark", "MODEL", "--starts", "1", "--digits", "1"),
    "benchmark --compare": ("benchmark", "nano", "--compare", "MODEL", "--starts", "1"),
    "report": ("report", "MODEL", "--corrupted", "0", "--out", "OUT"),
    "report --compare-with": (
        *("report", "nano", "--compare-with", "MODEL", "--pictures", "OWN", "--out", "OUT"),
    ),
    "info": ("info", "MODEL"),
    "export": ("export", "MODEL", "--target", "cmake", "--out", "OUT"),
    "bundle": ("bundle", "--target", "linux-x86_64", "--model", "MODEL", "--out", "OUT"),
    "model": ("model", "install", "MODEL"),
    "train": ("train", "--from", "MODEL", "--pictures", "OWN", "--out", "OUT"),
    "teach": (),  # train in a process of its own
    "convert": ("convert", "MODEL", "--out", "OUT"),
}

Damage = Callable[[bytes, dict[str, Any]], tuple[bytes, bytes]]


def vouched(content: bytes, manifest: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return a model with a manifest that has its hash and size."""
    forged = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return content, json.dumps({**manifest, **forged}).encode()


DAMAGES: dict[str, Damage] = {
    "empty": lambda model, manifest: vouched(b"", manifest),
    "text": lambda model, manifest: vouched(b"<html>not found</html>", manifest),
    "zeros": lambda model, manifest: vouched(model[:8] + bytes(9000), manifest),
    "half": lambda model, manifest: vouched(model[: len(model) // 2], manifest),
    "leads out": lambda model, manifest: vouched(b"\xf0\xff\xff\x7f" + model[4:], manifest),
    "other bytes": lambda model, manifest: (model[:-1] + b"?", json.dumps(manifest).encode()),
    "no manifest": lambda model, manifest: (model, b""),
    "manifest cut": lambda model, manifest: (model, json.dumps(manifest).encode()[:300]),
    "manifest not UTF-8": lambda model, manifest: (model, b"\xff\xfe{}"),
    "manifest of other types": lambda model, manifest: vouched(model, {**manifest, "labels": 5}),
    "manifest of other tensors": lambda model, manifest: vouched(
        model, {**manifest, "input": {**manifest["input"], "shape": [1, 5]}}
    ),
}


def test_every_command_with_a_model_has_a_door_here() -> None:
    without_models = {"run", "doctor", "readings", "reproduce"}
    assert {name.split()[0] for name in DOORS} == COMMANDS.keys() - without_models


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_refused_in_one_line_by_every_command(
    damage: str, nano: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("inbox", "OWN/7", "broken"):
        (tmp_path / folder).mkdir(parents=True)
    for path in ("a.png", "inbox/a.png", "OWN/7/a.png"):
        (tmp_path / path).write_bytes(SAMPLE.read_bytes())
    manifest = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    content, beside = DAMAGES[damage]((nano / "int8.tflite").read_bytes(), manifest)
    (tmp_path / "broken" / "int8.tflite").write_bytes(content)
    (tmp_path / "broken" / "int8.json").write_bytes(beside)
    for door, words in DOORS.items():
        if not words:
            continue
        refused = run(*("broken" if word == "MODEL" else word for word in words))
        assert refused.returncode in (1, 2), (door, refused)
        if door == "info" and "DIFFERS" in refused.stdout:
            # It shows what the manifest and the file say.
            continue
        assert refused.stderr.startswith("mnist-edge: "), (door, refused.stderr)
        assert refused.stderr.count("\n") == 1, (door, refused.stderr)
        assert not (tmp_path / "OUT").exists(), door
