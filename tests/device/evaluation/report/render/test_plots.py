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


def test_tick_labels_are_inside_the_plot(document: Document) -> None:
    for scheme in document["schemes"]:
        scheme["coverage"] = [
            {"coverage": 1.0, "accuracy": 0.9971, "threshold": 0.2},
            {"coverage": 0.9995, "accuracy": 1.0, "threshold": 0.5},
        ]
    found = 0
    for svg in drawings(to_html(document)):
        width = float(str(svg.get("viewBox")).split()[2])
        for words in svg.iter(f"{SVG}text"):
            if "tick" not in str(words.get("class")) or words.get("x") is None:
                continue
            # A letter of 11 pixels is 7 wide, at most.
            length = 7 * len(str(words.text))
            shift = {"middle": 0.5, "end": 1.0, "start": 0.0}[str(words.get("text-anchor"))]
            start = float(str(words.get("x"))) - shift * length
            assert start >= 0
            assert start + length <= width
            found += 1
    assert found > 50
