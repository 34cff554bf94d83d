"""Reports as JSON documents and files, and back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from mnist_edge.commands.report_text import format_report
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report import results
from mnist_edge.evaluation.report.diff import diff_reports
from mnist_edge.evaluation.report.document import (
    load_report,
    report_from_dict,
    report_schema,
    report_to_dict,
    rounded,
    save_report,
)
from mnist_edge.evaluation.report.render.html import report_to_html
from mnist_edge.evaluation.report.render.markdown import report_to_markdown
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from tests.support.reports import a_report, measured


@pytest.mark.usefixtures("few_corruptions")
def test_the_document_meets_its_schema(quick: Path, test_digits: Digits) -> None:
    found = measured(quick, test_digits.take(np.arange(400)), plan=CorruptionPlan(pictures=10))
    gate = results.GateResult(
        name="--max-drop", limit=0.3, value=0.1, unit="points", scheme="int8", passed=True
    )
    document = report_to_dict(dataclasses.replace(found, gates=(gate,)))
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(document)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    wrongs: list[dict[str, Any]] = [{"verdict": None}, {"schemes": []}, {"extra": 1}]
    for wrong in wrongs:
        assert not validator.is_valid({**document, **wrong})
    document["schemes"][1]["accuracy"] = 99.7
    assert not validator.is_valid(document)


def test_the_schema_has_every_field() -> None:
    schema = report_schema()
    known = {"Report": schema, **schema["$defs"]}
    mirrored = {name: one for name, one in vars(results).items() if dataclasses.is_dataclass(one)}
    assert set(known) == set(mirrored)
    for name, one in mirrored.items():
        fields = [field.metadata.get("json", field.name) for field in dataclasses.fields(one)]
        assert list(known[name]["properties"]) == known[name]["required"] == fields


@pytest.mark.usefixtures("few_corruptions")
def test_two_runs_differ_only_in_their_times(quick: Path, test_digits: Digits) -> None:
    digits, plan = test_digits.take(np.arange(300)), CorruptionPlan(pictures=20)
    first, second = (report_to_dict(measured(quick, digits, plan=plan)) for _ in range(2))
    assert first.pop("times").keys() == second.pop("times").keys()
    assert first == second


def test_both_files_are_saved(quick: Path, test_digits: Digits, tmp_path: Path) -> None:
    found = measured(quick, test_digits.take(np.arange(100)))
    files = save_report(found, tmp_path / "there")
    assert set(files) == set((tmp_path / "there").iterdir())
    assert {"report.json", "report.md"} <= {path.name for path in files}
    assert load_report(tmp_path / "there" / "report.json") == rounded(found)
    document = json.loads((tmp_path / "there" / "report.json").read_text(encoding="utf-8"))
    assert document == report_to_dict(found)
    assert report_to_dict(report_from_dict(document)) == document
    page = (tmp_path / "there" / "report.md").read_text(encoding="utf-8")
    assert found.verdict in page


def test_fields_that_older_reports_lack_are_none(tmp_path: Path) -> None:
    document = a_report()
    del document["gates"]
    for scheme in document["schemes"]:
        del scheme["arena"]
        for result in scheme["corruptions"]:
            del result["abstained"], result["wrong_answers"], result["predicted"]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    report = load_report(path)
    assert report.gates == ()
    assert report.schemes[2].arena is None
    assert report.schemes[2].corruptions[0].wrong_share is None
    assert "| \u2013 (abstained: \u2013) |" in report_to_markdown(report)
    for text in (report_to_markdown(report), report_to_html(report), format_report(report)):
        assert "as predict reads" not in text
    assert diff_reports(report, report_from_dict(a_report())).changes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schemes": []}, "no scheme"),
        ({"schemes": None}, r"report\.schemes is None; expected a list"),
        ({"verdict": 3}, r"report\.verdict is 3; expected a string"),
        ({"data": {}}, r"report\.data has no name"),
        ({"times": 0}, r"report\.times is 0; expected an object"),
    ],
)
def test_an_invalid_field_of_a_report_is_named(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**a_report(), **change}), encoding="utf-8")
    with pytest.raises(InvalidValue, match=words):
        load_report(path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("accuracy", True, r"schemes\[1\]\.accuracy is True; expected a number"),
        ("correct", 1.5, r"schemes\[1\]\.correct is 1.5; expected an integer"),
        ("drop_interval", [1], r"schemes\[1\]\.drop_interval is \[1\]; expected two numbers"),
        ("confusion", [["x"]], r"confusion\[0\]\[0\] is 'x'; expected an integer"),
        ("doubtful", {}, r"doubtful is \{\}; expected a list"),
    ],
)
def test_an_invalid_field_of_a_scheme_is_named(key: str, value: Any, words: str) -> None:
    document = a_report()
    document["schemes"][1][key] = value
    with pytest.raises(InvalidValue, match=words):
        report_from_dict(document)
