"""The report as one drawing."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.support.pages import SVG
from tests.support.reports import HOSTILE, Document, hostile, to_svg


def test_the_summary_shows_the_verdict_and_every_drop(document: Document) -> None:
    picture = ET.fromstring(to_svg(document))  # noqa: S314 - our own
    words = [one.text for one in picture.iter(f"{SVG}text")]
    assert words[0] == "int8 of edge has no loss that these 10,000"
    assert "int8 answers otherwise: 3 of 10,000" in words
    for said in ("99.70 %", "88,432", "#947", "a 8", "8 \u2192 9"):
        assert said in words
    assert len(list(picture.iter(f"{SVG}image"))) == 3
    description = str(picture.findtext(f"{SVG}desc"))
    assert document["verdict"] in description
    assert "int8: 99.70 %, 88,432 bytes, drop +0.01 (\u22120.01 to +0.05)" in description
    document["schemes"] = document["schemes"][:1]
    assert "answers otherwise" not in to_svg(document)


def test_the_summary_loads_nothing_and_escapes_names(document: Document) -> None:
    text = to_svg(hostile(document, HOSTILE))
    picture = ET.fromstring(text)  # noqa: S314 - our own
    known = ("svg", "title", "desc", "style", "rect", "line", "circle", "text", "image")
    assert {one.tag for one in picture.iter()} <= {f"{SVG}{tag}" for tag in known}
    for one in picture.iter(f"{SVG}image"):
        assert str(one.get("href")).startswith("data:image/png;base64,")
    assert "url(" not in text
