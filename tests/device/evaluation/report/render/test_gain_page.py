"""The page of what a model gained."""

from __future__ import annotations

from html.parser import HTMLParser

from mnist_edge.evaluation.report.render.gain_page import gain_to_html, gain_to_markdown
from tests.support.gains import gain_report


class Texts(HTMLParser):
    """Collects the text of a page and its unclosed elements."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
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
