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
    a_picture,
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


def test_tables_have_captions_and_header_scopes(document: Document) -> None:
    text = to_html(document)
    page = Page(text)
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(attributes["scope"] in {"col", "row"} for attributes in page.all("th"))
    for table in re.findall(r"<table>.*?</table>", text, re.DOTALL):
        rows = re.findall(r"<tr>.*?</tr>", table)
        widths = {len(re.findall(r"<t[hd][ >]", row)) for row in rows}
        assert len(widths) == 1


def test_every_flip_is_shown_with_its_label_and_both_answers(document: Document) -> None:
    page = Page(to_html(document))
    told = {attributes["alt"] for attributes in page.all("img")}
    assert (
        "Picture #947, labelled 8: float32 answers 8 with 51.2 %, int8 answers 9 with 63.4 %"
    ) in told
    assert all(alt and "labelled" in alt for alt in told)
    text = plain(page)
    assert [text.count(words) for words in ("Lost: 1", "Gained: 1", "Wrong both times: 1")] == [
        1,
        1,
        1,
    ]
    markdown = to_markdown(document)
    assert "- \\#947, labelled 8: float32 8 (51.2 %), int8 9 (63.4 %)" in markdown
    for picture in FLIPS:
        assert f"#{picture['index']}" in text
        assert f"- \\#{picture['index']}, labelled" in markdown


def test_a_scheme_without_flips_has_one_sentence(document: Document) -> None:
    page = Page(to_html(document))
    note = "float16 gives float32's answer to all 10,000 pictures."
    assert note in plain(page)
    assert note in to_markdown(document)
    assert not [title for title in page.headings if title.startswith("float16: 0 of")]
    reference = document["schemes"][0]
    for scheme in document["schemes"][1:]:
        scheme |= {"flips": [], "flipped": 0, "confusion": reference["confusion"]}
    text = to_html(document)
    assert "float16 give float32's answer to all 10,000 pictures." in plain(Page(text))
    assert "Every answer" not in text + to_markdown(document)
    # There is no matrix of zeros and no repeated table.
    assert "Confusion matrix of int8 minus" not in text
    assert "The confusion matrix of int8 is that of float32." in plain(Page(text))
    assert "float16: the same as int8." in plain(Page(text))


def test_no_picture_is_shown_twice_among_mistakes_and_doubtful_labels(document: Document) -> None:
    mistakes = [a_picture(number, 4, 9, 9) for number in range(10)]
    others = [a_picture(number, 4, 9, 9) for number in (50, 51)]
    for scheme in document["schemes"]:
        scheme |= {"mistakes": mistakes, "doubtful": [*mistakes[:7], *others]}
    page = Page(to_html(document))
    shown = [str(attributes["alt"]).split(",")[0] for attributes in page.all("img")]
    for picture in (*mistakes, *others):
        assert shown.count(f"Picture #{picture['index']}") == 1
    assert plain(page).count("label in doubt") == 9
    assert "float16: the same as int8." in plain(page)
    markdown = to_markdown(document)
    assert markdown.count("\\#3, labelled 4 (in doubt): ") == 1
    assert markdown.count("\\#9, labelled 4: ") == 1
    assert markdown.count("\\#51, labelled 4 (in doubt): ") == 1


def test_many_flips_are_collapsed_and_missing_pictures_counted(document: Document) -> None:
    scheme = document["schemes"][2]
    scheme["flips"] = [a_picture(number, 4, 4, 9) for number in range(120)]
    scheme["flipped"] = 8_123
    page = Page(to_html(document))
    assert len([a for a in page.all("img") if "int8 answers 9" in str(a["alt"])]) == 120
    assert "Lost: 72 more" in page.text
    assert "no pictures of the other 8,003" in page.text
    assert "20 more are in report.html." in to_markdown(document)


def test_own_pictures_are_named_by_their_paths(document: Document) -> None:
    document["schemes"][2]["flips"][0] |= {"path": "photos/8/a.jpg"}
    document["data"]["unreadable"] = [{"path": "b.jpg", "reason": "it is cut off"}]
    document["data"]["without_digit"] = [{"path": "c.jpg", "reason": "blank"}]
    for text in (plain(Page(to_html(document))), to_markdown(document)):
        assert "photos/8/a.jpg" in text
        assert "could not be read, which count nowhere: 1" in text
        assert "b.jpg: it is cut off" in text
        assert "c.jpg: blank" in text


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


def test_parts_that_were_not_measured_are_left_out(document: Document) -> None:
    for scheme in document["schemes"]:
        scheme["corruptions"], scheme["coverage"] = [], []
        scheme["mistakes"], scheme["doubtful"] = [], []
    document["gates"], document["times"]["schemes"] = [], []
    page = plain(Page(to_html(document)))
    assert page.count("Not measured.") == 2
    assert "No gate was set" in page
    assert "Under corruption" not in to_markdown(document)


def test_a_reference_alone_has_nothing_to_compare(document: Document) -> None:
    document["schemes"] = document["schemes"][:1]
    assert "float32 alone was measured." in Page(to_html(document)).text
    assert "| float32 | 99.71 % (99.57 to 99.79 %) | reference |" in to_markdown(document)


def test_the_page_is_about_the_scheme_that_the_verdict_names(document: Document) -> None:
    document["schemes"][1] = a_scheme("float16", lost=1, flips=FLIPS[:1])
    document["verdict"] = "float16 is broken: 10.00 % of 10,000 pictures."
    schemes = [title for title in Page(to_html(document)).headings if " of 10,000" in title]
    assert schemes[0].startswith("float16:")
    document["verdict"] = "Nobody knows."
    schemes = [title for title in Page(to_html(document)).headings if " of 10,000" in title]
    assert schemes[0].startswith("int8:")


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
