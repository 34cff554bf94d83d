"""The report as Markdown."""

from __future__ import annotations

from tests.support.pages import Page, require_tables
from tests.support.reports import Document, to_html, to_markdown


def test_wrong_answers_under_corruption_stand_beside_the_references(document: Document) -> None:
    document["schemes"][2]["corruptions"][1]["wrong_answers"] = 31
    row = "| zigzag | 3 | 1,000 | 80.00 % | 80.00 % | +2.50 (+1.50 to +3.50) |"
    told = "2.50 % (abstained: 18.00 %) | 3.10 % (abstained: 18.00 %) |"
    assert f"{row} {told}" in to_markdown(document)
    said = Page(to_html(document)).text
    assert "3.10 %" in said
    assert "Wrong answers: the share" in said


def test_corruptions_are_reported_for_predict_and_for_bare_arrays(document: Document) -> None:
    markdown, page = to_markdown(document), Page(to_html(document))
    predicted = "Corrupted pictures as predict reads them: int8 against float32"
    bare = "Corrupted pictures as bare arrays: int8 against float32"
    assert markdown.index(predicted) < markdown.index(bare)
    row = "| zigzag | 3 | 200 | 75.00 % | 74.00 % | +1.25 (\u22120.75 to +3.25) |"
    assert f"{row} 3.00 % (abstained: 22.00 %) | 4.00 % (abstained: 22.00 %) |" in markdown
    for words in (predicted, bare, "read in two ways", "200 pictures of severity 3"):
        assert words in page.text


def test_markdown_tables_are_well_formed_and_times_come_last(document: Document) -> None:
    markdown = to_markdown(document)
    require_tables(markdown)
    first, _, verdict, *_ = markdown.splitlines()
    assert first == "# Accuracy drop of edge"
    assert verdict == f"**{document['verdict']}**"
    assert (
        "| int8 | 99.70 % (99.57 to 99.79 %) | +0.01 (\u22120.01 to +0.05) | 99.97 % | 88,432 | "
        "417 |"
    ) in markdown
    titles = [line for line in markdown.splitlines() if line.startswith("## ")]
    assert titles[0] == "## Pictures whose answer changed"
    assert titles[-1] == "## Times"
    before = markdown[: markdown.index("## Times")]
    for words in ("Cortex", "2026-11-21", "5,123"):
        assert words not in before
