"""The page of what a model gained."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from mnist_edge.evaluation.report.gain import ChangedAnswer
from mnist_edge.evaluation.report.render.gain_page import gain_to_html, gain_to_markdown
from mnist_edge.evaluation.report.results import ImageProblem
from tests.support.gains import gain_report
from tests.support.reports import HOSTILE


class Texts(HTMLParser):
    """Collects the text of a page and its unclosed elements."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.elements: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_has_the_verdict_the_gates_every_set_and_what_changed() -> None:
    page = Texts()
    page.feed(gain_to_html(gain_report()))
    assert not page.open
    for words in (
        "Better on your pictures, take edge-taught/int8",
        "--max-loss-mnist",
        "MNIST test",
        "17.50",
        "own/<7>|a.png",
        "taught 120 pictures",
        "matplotlib is not installed",
        "own/torn.png",
    ):
        assert words in page.text.replace("\xa0", " ")


def test_markdown_escapes_names_and_has_the_same_figures() -> None:
    text = gain_to_markdown(gain_report())
    assert "own/\\<7\\>\\|a.png" in text
    assert "| your pictures | 40 |" in text
    assert "**Better on your pictures" in text


def test_hostile_names_are_text_on_both_pages() -> None:
    report = replace(
        gain_report(),
        model=HOSTILE,
        old_model=HOSTILE,
        lineage=HOSTILE,
        changed=(ChangedAnswer(path=HOSTILE, label="7", before="1", after="7"),),
        unreadable=(ImageProblem(path=HOSTILE, reason=HOSTILE),),
        left_out=(HOSTILE,),
    )
    page = Texts()
    page.feed(gain_to_html(report))
    assert not page.open
    assert "script" not in page.elements
    assert page.text.count("<script>alert(1)</script>") >= 6
    assert "<script>" not in gain_to_markdown(report)
