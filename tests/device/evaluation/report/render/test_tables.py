"""The tables, which both pages have."""

from __future__ import annotations

import re

from tests.support.pages import Page, plain
from tests.support.reports import Document, to_html, to_markdown


def test_tables_have_captions_and_header_scopes(document: Document) -> None:
    text = to_html(document)
    page = Page(text)
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(attributes["scope"] in {"col", "row"} for attributes in page.all("th"))
    for table in re.findall(r"<table>.*?</table>", text, re.DOTALL):
        rows = re.findall(r"<tr>.*?</tr>", table)
        widths = {len(re.findall(r"<t[hd][ >]", row)) for row in rows}
        assert len(widths) == 1


def test_the_figures_of_the_document_stand_on_both_pages(document: Document) -> None:
    figures = (
        "99.70 %", "99.57 to 99.79 %", "+0.01", "\u22120.01 to +0.05", "99.97 %", "88,432", "417",
        "34,567", "0.625", "+2.50", "+1.50 to +3.50", "\u22120.40", "0.21 %", "0.0123",
        "\u22120.00012", "0.00034", "81,800", "5,100,000", "6 CONV", "5,123", "7,891", "ab" * 32,
        "tflite-runtime 2.14.0", "48.5", "2026-11-21", "mnist-edge report models/edge",
    )  # fmt: skip
    html, markdown = plain(Page(to_html(document))), to_markdown(document)
    for figure in figures:
        assert figure in html
        assert figure in markdown
    # What the system does not tell is left out, and what was not measured is a dash.
    assert "governor" not in html + markdown
    assert "None" not in html.replace("None.", "") + markdown
    assert "nan" not in html + markdown
