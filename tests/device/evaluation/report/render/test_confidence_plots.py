"""The plots of calibration and of accuracy against coverage."""

from __future__ import annotations

from tests.support.pages import SVG, drawings
from tests.support.reports import Document, to_html


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


def test_coverage_is_plotted_from_where_withholding_more_gains_nothing(document: Document) -> None:
    for scheme in document["schemes"]:
        scheme["coverage"] = [
            {"coverage": 1.0, "accuracy": 0.9971, "threshold": 0.2},
            {"coverage": 0.9995, "accuracy": 1.0, "threshold": 0.5},
            {"coverage": 0.5, "accuracy": 1.0, "threshold": 0.9},
        ]
    plot, *_ = [
        svg
        for svg in drawings(to_html(document))
        if str(svg.findtext(f"{SVG}title")).startswith("Accuracy against coverage")
    ]
    ticks = [str(words.text) for words in plot.iter(f"{SVG}text") if words.get("class") == "tick"]
    shares = sorted(float(tick) for tick in ticks)
    assert shares[0] > 99
    assert shares[-1] == 100
