"""Parse pages and open them in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.paths import ROOT
from tests.support.reports import Document, to_html, to_markdown, to_svg
from tests.support.waiting import SECONDS

VOID = {"meta", "img", "br", "link"}
"""Elements without an end tag."""
SVG = "{http://www.w3.org/2000/svg}"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _BROWSERS)), "")

_AXE = "4.10.3"


def axe_script() -> str:
    """Return axe-core, which finds what people with assistive technology cannot use."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm")
    folder = ROOT / ".cache/axe"
    script = folder / "node_modules/axe-core/axe.min.js"
    if not script.is_file():
        options = ["--silent", "--no-save", "--prefix", str(folder)]
        subprocess.run([npm, "install", *options, f"axe-core@{_AXE}"], check=True)
    return script.read_text(encoding="utf-8")


class Page(HTMLParser):
    """A parsed page; fails if an element is not closed as it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            return
        self.text += data
        if any(re.fullmatch("h[1-6]", tag) for tag in self._open):
            self.headings[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def drawings(page: str) -> Iterator[ET.Element]:
    for svg in re.findall(r"<svg .*?</svg>", page, re.DOTALL):
        yield ET.fromstring(svg)  # noqa: S314 - our own


def plain(page: Page) -> str:
    return re.sub(r"\s+", " ", page.text)


def require_sound(document: Document, plain_tags: int) -> None:
    text = to_html(document)
    text.encode("utf-8")
    page = Page(text)
    assert not page.all("script")
    assert len(page.tags) >= plain_tags
    assert all(drawing.tag == f"{SVG}svg" for drawing in drawings(text))
    ET.fromstring(to_svg(document))  # noqa: S314 - our own
    require_tables(to_markdown(document))


def require_tables(markdown: str) -> None:
    """Fail if a table's row has more or fewer cells than its header."""
    markdown.encode("utf-8")
    tables = [block for block in markdown.split("\n\n") if block.startswith("| ")]
    assert len(tables) >= 4
    for table in tables:
        lines = table.split("\n")
        assert re.fullmatch(r"\| ---( \| ---:)+ \|", lines[1])
        widths = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}
        assert len(widths) == 1


def browse(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page in a headless browser."""
    return subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            "--v=0", f"--user-data-dir={profile}", *options, page.as_uri(),
        ],
        check=True, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
