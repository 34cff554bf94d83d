from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.errors import InvalidModel
from mnist_edge.runtimes.numpy_backend.bounds import require_within_bounds
from mnist_edge.runtimes.numpy_backend.flatbuffer import FlatbufferTable
from mnist_edge.runtimes.numpy_backend.tflite_schema import ModelFields
from mnist_edge.runtimes.sandbox import NO_DIGITS, run_sandboxed
from tests.support.paths import NANO, ROOT, TINY

SOUND = [
    *(ROOT / "models").glob("*/*.tflite"),
    *(path for path in TINY.glob("*.tflite") if path.stem != "greedy"),
]
FAR = (1 << 24).to_bytes(4, "little")
"""An offset outside every file here."""


@pytest.mark.parametrize("path", SOUND, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_valid_file_is_within_its_bounds(path: Path) -> None:
    require_within_bounds(path.read_bytes())


@pytest.mark.parametrize("name", ["quadrants-int8", "regression-float32"])
def test_a_changed_or_truncated_file_is_within_its_bounds_or_refused(name: str, tiny: Path) -> None:
    content = (tiny / f"{name}.tflite").read_bytes()
    kept = [
        is_within_bounds(damaged)
        for place in range(0, min(len(content), 3_000), 4)
        for damaged in (content[:place] + FAR + content[place + 4 :], content[:place])
    ]
    assert kept.count(False) > 450


def is_within_bounds(content: bytes) -> bool:
    try:
        require_within_bounds(content)
    except InvalidModel:
        return False
    return True


def test_an_offset_outside_the_file_is_refused_before_the_runtime_reads_it() -> None:
    content = (NANO / "float16.tflite").read_bytes()
    damaged = next(
        changed
        for place in range(len(content) - 4000, len(content) - 4, 4)
        if not is_within_bounds(changed := content[:place] + FAR + content[place + 4 :])
    )
    with pytest.raises(InvalidModel, match=r"damaged\.tflite: the model is damaged: it has"):
        run_sandboxed(damaged, NO_DIGITS, name="damaged.tflite")


def test_metadata_and_signatures_outside_the_file_are_refused() -> None:
    """The runtime follows them when it loads a file, though nothing here asks for them."""
    content = (TINY / "regression-float32.tflite").read_bytes()
    model = FlatbufferTable.root(content)
    tables = [*model.tables(ModelFields.METADATA), *model.tables(ModelFields.SIGNATURE_DEFS)]
    assert tables
    for table in tables:
        # The distance to its vtable, which is then beyond the end.
        far = (-len(content)).to_bytes(4, "little", signed=True)
        assert not is_within_bounds(content[: table.place] + far + content[table.place + 4 :])
