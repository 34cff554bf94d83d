"""The drawings of the page."""

from __future__ import annotations

from tests.support.pages import SVG, drawings
from tests.support.reports import Document, to_html


def test_plots_are_svg_with_a_description(document: Document) -> None:
    seen = []
    for svg in drawings(to_html(document)):
        numbers = " ".join(value for element in svg.iter() for value in element.attrib.values())
        assert "nan" not in numbers
        if svg.get("aria-hidden") == "true":
            continue
        assert svg.get("role") == "img"
        title, description = svg.findtext(f"{SVG}title"), svg.findtext(f"{SVG}desc")
        assert title
        assert description
        seen.append(f"{title}: {description}")
    every = "\n".join(seen)
    assert "Reliability of float32 and int8" in every
    assert "int8 withholds 93 of 10,000; 99.70 % of all answers are right" in every
    assert "\u22122 4 answered as 4; +2 4 answered as 9" in every
    assert "zigzag +2.50 (+1.50 to +3.50); shear 0.00 (\u22121.00 to +1.00); fog" in every
    assert "int8: median 417, p95 480, p99 5,123 microseconds" in every


def test_corruptions_are_sorted_by_drop(
    document: Document,
) -> None:
    for scheme in document["schemes"]:
        worse = [{**result, "severity": 5} for result in scheme["corruptions"][:2]]
        scheme["corruptions"] += worse
    titles = {
        svg.findtext(f"{SVG}title"): [words.text for words in svg.iter(f"{SVG}text")]
        for svg in drawings(to_html(document))
    }
    for severity, kinds in ((3, ["zigzag", "shear", "fog"]), (5, ["zigzag", "fog"])):
        words = titles[f"Accuracy under corruption of float32 and int8, severity {severity}"]
        assert [word for word in words if word in kinds] == kinds
        words = titles[f"Right answers of predict under corruption, severity {severity}"]
        assert [word for word in words if word in kinds] == kinds
