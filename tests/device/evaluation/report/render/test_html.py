"""The report as an HTML page: its contents, and how a browser shows it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pages import CHROMIUM, Page, browse, plain, require_sound
from tests.support.reports import (
    FLIPS,
    HOSTILE,
    Document,
    a_report,
    a_scheme,
    hostile,
    to_html,
    to_markdown,
)

CLAIM = (
    "int8 of edge has no loss that these 10,000 digits show; at most 0.05 points, at 95 % "
    "confidence"
)


def test_the_verdict_comes_first_and_its_claim_is_the_heading(document: Document) -> None:
    page = Page(to_html(document))
    assert page.headings[0].replace("\u00a0", " ") == CLAIM
    text = plain(page)
    places = [
        text.index(words)
        for words in (
            f"{CLAIM} 99.70 % of 10,000 pictures against 99.71 %",
            "Gate passed",
            "--max-drop: 0.0512 points (int8), at most 0.3 points",
            "What each scheme costs against float32",
            "#947",
            "recall int8",
            "zigzag",
            "mnist-edge report models/edge",
            "Cortex-A72",
        )
    ]
    assert places == sorted(places)


def test_a_missed_gate_stands_before_the_verdict(document: Document) -> None:
    document["gates"].append(
        {
            "name": "--min-accuracy",
            "limit": 99.9,
            "value": 99.7,
            "unit": "%",
            "scheme": "int8",
            "passed": False,
        }
    )
    text = plain(Page(to_html(document)))
    assert "1 of 2 gates missed" in text
    missed = text.index("missed --min-accuracy: 99.7 % (int8), at least 99.9 %")
    assert missed < text.index("passed --max-drop") < text.index("99.70 % of 10,000")
    markdown = to_markdown(document)
    assert "1 of 2 gates missed:" in markdown
    assert "- **missed**: --min-accuracy: 99.7 % (int8), at least 99.9 %" in markdown


def test_the_headings_are_in_order_and_the_landmarks_are_there(document: Document) -> None:
    page = Page(to_html(document))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(level <= before + 1 for before, level in pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.all(landmark)) == 1
    assert page.all("html")[0]["lang"] == "en"
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    links = [attributes["href"] for attributes in page.all("a")]
    assert {f"#{name}" for name in names} >= set(links)
    for _, attributes in page.tags:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in names


def test_the_page_loads_nothing(document: Document) -> None:
    text = to_html(document)
    page = Page(text)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object"})
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "style"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    assert re.findall(r"https?://[^\"\s]*", text) == ["http://www.w3.org/2000/svg"] * text.count(
        "<svg "
    )


def test_own_pictures_are_named_by_their_paths(document: Document) -> None:
    document["schemes"][2]["flips"][0] |= {"path": "photos/8/a.jpg"}
    document["data"]["unreadable"] = [{"path": "b.jpg", "reason": "it is cut off"}]
    document["data"]["without_digit"] = [{"path": "c.jpg", "reason": "blank"}]
    for text in (plain(Page(to_html(document))), to_markdown(document)):
        assert "photos/8/a.jpg" in text
        assert "could not be read, which count nowhere: 1" in text
        assert "b.jpg: it is cut off" in text
        assert "c.jpg: blank" in text


def test_hostile_names_are_escaped(document: Document) -> None:
    require_sound(hostile(document, HOSTILE), 1)
    markdown = to_markdown(hostile(document, HOSTILE))
    assert "\n<" not in markdown
    assert not re.search(r"(?<!\\)\[x", re.sub(r"`+ .*? `+", "", markdown))


@settings(max_examples=12)  # each draws the whole report
@given(text=st.text(st.characters(codec=None), max_size=40))
def test_any_name_keeps_the_pages_well_formed(text: str) -> None:
    document = a_report()
    document["schemes"] = [a_scheme("float32"), a_scheme("int8", lost=2, flips=FLIPS[:1])]
    require_sound(hostile(document, text), 1)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium or google-chrome is installed")
def test_a_browser_shows_the_verdict_and_the_flips_and_complains_of_nothing(
    document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(to_html(document), encoding="utf-8")
    opened = browse(path, tmp_path / "profile", "--dump-dom")
    page = Page(opened.stdout)
    assert page.headings[0].replace("\u00a0", " ") == CLAIM
    assert "99.70 % of 10,000 pictures against 99.71 %" in plain(page)
    for picture in FLIPS:
        assert any(f"#{picture['index']}," in str(a["alt"]) for a in page.all("img"))
    assert "CONSOLE" not in opened.stderr


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium or google-chrome is installed")
def test_the_page_fits_a_phone_and_a_name_runs_no_script(
    document: Document, tmp_path: Path
) -> None:
    """Measure the page with a script of the test, since the page itself allows none."""
    bad = hostile(document, "<img src=x onerror=\"document.title='run'\">" * 3)
    text = re.sub(r"<meta http-equiv[^>]*>", "", to_html(bad))
    probe = (
        "<script>document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth;"
        "document.body.dataset.broken = [...document.images].some(i => !i.naturalWidth)</script>"
    )
    path = tmp_path / "report.html"
    path.write_text(text.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    phone = ("--window-size=380,800", "--virtual-time-budget=2000")
    opened = browse(path, tmp_path / "profile", *phone, "--dump-dom")
    assert 'data-wide="false"' in opened.stdout
    assert 'data-broken="false"' in opened.stdout
    assert "<title>run</title>" not in opened.stdout
