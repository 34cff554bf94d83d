"""Two reports on one page."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.evaluation.report.diff import diff_reports
from mnist_edge.evaluation.report.document import report_from_dict
from mnist_edge.evaluation.report.render.diff_page import diff_to_html
from tests.support.pages import CHROMIUM, Page, browse
from tests.support.reports import HOSTILE, Document, hostile


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium or google-chrome is installed")
def test_a_browser_shows_two_reports_and_complains_of_nothing(
    document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "compared.html"
    found = diff_reports(*map(report_from_dict, (document, hostile(document, HOSTILE))))
    path.write_text(diff_to_html(found), encoding="utf-8")
    opened = browse(path, tmp_path / "profile", "--dump-dom")
    page = Page(opened.stdout)
    first, second = (heading.replace("\u00a0", " ") for heading in page.headings[:2])
    assert (first, second) == (found.summary, "What A and B are")
    assert not page.all("script")
    assert "int8 in A and in B" in page.text
    assert "CONSOLE" not in opened.stderr
