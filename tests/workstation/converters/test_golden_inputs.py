from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from converters import schemes, writer
from converters.conversion import Prepared
from mnist_edge.device.doctor import probe
from mnist_edge.modelstore import loading
from mnist_edge.runtimes import golden
from tests.support.conversions import convert_all, edit_model, lose_weight_scale


@pytest.mark.slow
def test_every_manifest_has_golden_vectors_of_the_device_runtime(
    prepared: Prepared, tmp_path: Path
) -> None:
    for converted in convert_all(prepared, tmp_path, schemes.find_schemes(["all"])):
        stored = loading.load_model(converted.path)
        assert stored.manifest is not None
        vectors = stored.manifest.golden
        assert vectors is not None
        assert vectors.runtime == stored.manifest.validation.runtime
        inputs, outputs = golden.decode_golden(vectors, stored.manifest.output, name="nano")
        assert len(inputs) == len(outputs) == 16
        assert len(vectors.inputs) + len(vectors.outputs) < 6_000
        assert probe.probe_model(str(converted.path))["steps"] == [0] * 16


@pytest.mark.slow
def test_golden_vectors_catch_a_planted_fault(prepared: Prepared, tmp_path: Path) -> None:
    (converted,) = convert_all(prepared, tmp_path, [schemes.int8()])
    faulty = edit_model(converted.content, lose_weight_scale)
    digest = hashlib.sha256(faulty).hexdigest()
    writer.write_model(
        tmp_path, faulty, replace(converted.manifest, sha256=digest, size=len(faulty))
    )
    found = probe.probe_model(str(converted.path))
    assert not found["passed"]
    assert max(found["steps"]) > golden.TOLERANCE
