from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.errors import InvalidManifest
from mnist_edge.modelstore.manifest import (
    SCHEMA_VERSION,
    Lineage,
    ModelManifest,
    OperatingPoints,
    Score,
)
from tests.support.paths import NANO

SOURCE = Path("somewhere/int8.json")
TEXT = (NANO / "int8.json").read_text(encoding="utf-8")
FIELDS = [field.name for field in fields(ModelManifest)]
GOLDEN = {"inputs": "", "outputs": "", "runtime": "tflite-runtime 2.14.0", "tolerance": 10}
LINEAGE: dict[str, Any] = {
    "parent": "edge",
    "parent_weights_sha256": "ab" * 32,
    "pictures": 1_200,
    "first_taken": "2026-11-01",
    "last_taken": "2026-11-27",
}
POINTS = {"balanced": 0.8, "careful": 0.95}


def read(text: str) -> ModelManifest:
    return ModelManifest.from_json(text, source=SOURCE)


def edited(**changes: Any) -> str:
    """Return the shipped manifest with changed fields; a__b is the field b of the field a."""
    document = json.loads(TEXT)
    for name, value in changes.items():
        *outer, last = name.split("__")
        within = document
        for key in outer:
            within = within[key]
        within[last] = value
    return json.dumps(document)


def check_refusal(text: str, said: str) -> None:
    with pytest.raises(InvalidManifest, match=said) as refused:
        read(text)
    assert str(refused.value).startswith(str(SOURCE))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["float32", "float16", "dynamic", "int8", "int16x8"])
def test_a_shipped_manifest_goes_to_json_and_back_unchanged(scheme: str) -> None:
    text = (NANO / f"{scheme}.json").read_text(encoding="utf-8")
    manifest = read(text)
    assert manifest.to_json() == text
    assert manifest.scheme == scheme


@given(
    correct=st.integers(0, 10_000),
    runtime=st.text(st.sampled_from('aé"\\\n\u2028日 '), max_size=12),
    seed=st.none() | st.integers(),
    scale=st.floats(0, 1e6),
    tested=st.booleans(),
)
def test_any_manifest_goes_to_json_and_back_unchanged(
    correct: int, runtime: str, seed: int | None, scale: float, tested: bool
) -> None:
    score = Score(correct=correct, total=10_000, runtime=runtime)
    shipped = read(TEXT)
    manifest = replace(
        shipped,
        seed=seed,
        recipe=runtime,
        input=replace(shipped.input, scale=scale),
        calibration=None if tested else shipped.calibration,
        test=score if tested else None,
    )
    assert read(manifest.to_json()) == manifest


def test_the_json_mirrors_the_fields() -> None:
    text = edited(golden=GOLDEN, operating_points=POINTS, lineage=LINEAGE)
    assert sorted(json.loads(text)) == sorted(FIELDS)
    text = read(text).to_json()
    assert list(json.loads(text)) == FIELDS
    assert json.loads(read(text).to_json()) == json.loads(json.dumps(asdict(read(text))))


def test_a_score_is_a_share_of_its_total() -> None:
    assert Score(correct=9_935, total=10_000, runtime="any").accuracy == 0.9935


CONFIDENCE: dict[str, Any] = {"temperature": 1.0, "min_confidence": 0.0, "calibration_error": None}
"""Confidence fields that older manifests lack, and their defaults."""
OPTIONAL = ("operating_points", "golden", "lineage")
"""Fields that are left out where nothing was measured, or taught."""


@pytest.mark.parametrize(
    "name",
    sorted({*FIELDS} - {"schema_version", "weights_sha256", "reading", *OPTIONAL, *CONFIDENCE}),
)
def test_a_manifest_that_lacks_a_field_is_refused_by_the_fields_name(name: str) -> None:
    document = json.loads(TEXT)
    del document[name]
    check_refusal(json.dumps(document), name)


def test_an_old_manifest_without_a_scaling_takes_raw_pixels() -> None:
    document = json.loads(TEXT)
    del document["reading"]
    assert read(json.dumps(document)) == read(edited(reading="pixels"))
    assert read(edited(reading="inverted/255")).reading == "inverted/255"


def test_a_manifest_of_version_1_has_no_hash_of_the_weights_and_stays_as_it_is() -> None:
    document = json.loads(TEXT)
    del document["weights_sha256"]
    document["schema_version"] = 1
    older = read(json.dumps(document))
    assert older == replace(read(TEXT), schema_version=1, weights_sha256=None)
    assert json.loads(older.to_json()) == document


def test_a_manifest_may_have_a_lineage_or_not() -> None:
    taught = read(edited(lineage=LINEAGE))
    assert taught.lineage == Lineage(**LINEAGE)
    assert str(taught.lineage) == (
        "from 'edge' (weights abababababab), taught 1,200 pictures of 2026-11-01 to 2026-11-27"
    )
    assert read(taught.to_json()) == taught
    older = read(edited(schema_version=3))
    assert older.lineage is None
    assert "lineage" not in json.loads(older.to_json())


@pytest.mark.parametrize(
    "changes", [{"pictures": 0}, {"pictures": "many"}, {"parent_weights_sha256": "ab"}]
)
def test_a_lineage_without_pictures_is_refused(changes: dict[str, object]) -> None:
    check_refusal(edited(lineage={**LINEAGE, **changes}), "pictures|parent_weights_sha256")


def test_a_manifest_may_name_operating_points_or_not() -> None:
    named = read(edited(operating_points=POINTS))
    assert named.operating_points == OperatingPoints(balanced=0.8, careful=0.95)
    document = json.loads(named.to_json())
    del document["operating_points"]
    older = read(json.dumps({**document, "schema_version": 2}))
    assert older == replace(named, operating_points=None, schema_version=2)
    assert "operating_points" not in json.loads(older.to_json())


@pytest.mark.parametrize(
    "points",
    [
        {"balanced": 0.9, "careful": 0.8},
        {"balanced": -0.1, "careful": 0.8},
        {"balanced": 0.5, "careful": 1.1},
        {"balanced": float("nan"), "careful": 0.8},
        {"balanced": "0.5", "careful": 0.8},
        {"balanced": 0.5},
        {"balanced": 0.5, "careful": 0.8, "bold": 0.1},
        [0.5, 0.8],
    ],
)
def test_invalid_operating_points_are_refused(points: Any) -> None:
    check_refusal(edited(operating_points=points), "is not a manifest")


def test_an_old_manifest_without_calibration_has_temperature_1_and_no_threshold() -> None:
    document = json.loads(TEXT)
    for name in CONFIDENCE:
        del document[name]
    assert read(json.dumps(document)) == replace(read(TEXT), **CONFIDENCE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0),
        ("temperature", -1.0),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", 10**400),
        ("temperature", 1e308),
        ("temperature", 5e-324),
        ("temperature", 2_000),
        ("min_confidence", -0.01),
        ("min_confidence", 1.01),
        ("min_confidence", float("nan")),
        ("calibration_error", 1.01),
        ("calibration_error", float("nan")),
    ],
)
def test_a_manifest_with_an_invalid_confidence_is_refused(name: str, value: float) -> None:
    check_refusal(edited(**{name: value}), f"is not a manifest: {name} ")


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": None},
        {"min_confidence": "0.9"},
        {"calibration_error": "none"},
        {"temperature": True},
        {"min_confidence": False},
        {"sha256": 7},
        {"sha256": "0" * 63},
        {"sha256": "G" * 64},
        {"file": "../int8.tflite"},
        {"file": "C:\\int8.tflite"},
        {"file": "int8\n.tflite"},
        {"file": "int8.json"},
        {"file": ""},
        {"size": 0},
        {"size": -1},
        {"size": True},
        {"labels": []},
        {"labels": list("9876543210")},
        {"labels": list("012345678")},
        {"labels": list(range(10))},
        {"pixels__polarity": "black-on-white"},
        {"pixels__minimum": 1},
        {"pixels__maximum": 1},
        {"pixels__maximum": 255.0},
        {"toolchain": {"tensorflow": 2.21}},
        {"data_sha256": {"train": None}},
        {"input__shape": [1, 28, "28"]},
        {"input__shape": [1, 28, True]},
        {"input__scale": 10**400},
        {"input__scale": -1},
        {"input__scale": float("nan")},
        {"calibration__count": 0},
        {"validation__total": 10**400},
        {"validation__correct": -1},
        {"golden": {**GOLDEN, "tolerance": 10**400}},
        {"golden": {**GOLDEN, "tolerance": float("nan")}},
        {"golden": {**GOLDEN, "tolerance": -1}},
        {"size": "16664"},
        {"size": None},
        {"size": 16_664.0},
        {"scheme": ["int8"]},
        {"recipe": None},
        {"seed": "one"},
        {"weights_sha256": 7},
        {"weights_sha256": ""},
        {"weights_sha256": "\n" * 64},
        {"weights_sha256": "ab" * 33},
        {"reading": None},
        {"labels": None},
        {"data_sha256": []},
        {"toolchain": "tensorflow 2.21"},
        {"oldest_runtime": 2.14},
        {"input": []},
        {"input__shape": 4},
        {"input__dtype": 8},
        {"input__scale": "1.0"},
        {"output__zero_point": 0.5},
        {"output__zero_point": None},
        {"pixels": "white-on-black"},
        {"pixels__minimum": "0"},
        {"calibration": 500},
        {"calibration__count": "500"},
        {"validation": None},
        {"validation__correct": "all"},
        {"validation_float": 0.99},
        {"test": "good"},
        {"test__total": None},
        {"color": "blue"},
        {"input__color": "blue"},
    ],
    ids=str,
)
def test_a_manifest_with_a_field_of_another_type_or_name_is_refused(change: Any) -> None:
    check_refusal(edited(**change), "is not a manifest: .*; convert the model again")


@pytest.mark.parametrize("name", ["validation", "validation_float", "test"])
def test_a_score_without_digits_is_refused(name: str) -> None:
    check_refusal(edited(**{f"{name}__correct": 0, f"{name}__total": 0}), "total")


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, "1", None, [1]])
def test_a_manifest_of_another_schema_is_refused(version: Any) -> None:
    check_refusal(
        edited(schema_version=version),
        f"has schema version .*, this release reads 1 to {SCHEMA_VERSION}",
    )


@pytest.mark.parametrize("name", [*FIELDS, "input__shape", "input__dtype", "pixels__minimum"])
def test_a_manifest_with_a_deep_field_is_refused_in_a_short_line(name: str) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(InvalidManifest) as refused:
        read(edited(**{name: deep}))
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("text", ["[]", "null", "7", '"a manifest"', "{}"])
def test_json_of_something_else_is_refused(text: str) -> None:
    check_refusal(text, "has schema version None")


@pytest.mark.parametrize(
    "text",
    ["", "{", "not json", TEXT[: len(TEXT) // 2], "\ufeff" + TEXT, "[" * 200_000, "{'a': 1}"],
    ids=["empty", "open", "words", "truncated", "with a mark", "deep", "python"],
)
def test_text_that_is_not_json_is_refused(text: str) -> None:
    check_refusal(text, "is not JSON")


@given(start=st.integers(0, len(TEXT)), damage=st.binary(max_size=60))
def test_a_damaged_manifest_is_read_or_refused(start: int, damage: bytes) -> None:
    content = bytearray(TEXT.encode())
    content[start : start + len(damage)] = damage
    try:
        read(content.decode(errors="replace"))
    except InvalidManifest as refused:
        said = str(refused)
    else:
        said = ""
    assert "\n" not in said
