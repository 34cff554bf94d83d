"""The pages of the accuracy-drop report: what stands on them, and that a browser shows it."""

from __future__ import annotations

import base64
import copy
import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.diff import diff_reports
from mnist_edge.evaluation.report.document import report_from_dict
from mnist_edge.evaluation.report.render.diff_page import diff_to_html
from mnist_edge.evaluation.report.render.formatting import split_verdict
from mnist_edge.evaluation.report.render.html import report_to_html
from mnist_edge.evaluation.report.render.markdown import report_to_markdown
from mnist_edge.evaluation.report.render.style import COLORS
from mnist_edge.evaluation.report.render.summary_svg import report_to_svg
from mnist_edge.evaluation.report.render.thumbnails import data_uri

Document = dict[str, Any]

HOSTILE = "</title><script>alert(1)</script>\"'&|`*_[x](https://evil.example)\n\x00\ud800"
"""What no name of a file should be, and may be."""
VOID = {"meta", "img", "br", "link"}
"""Elements that are never closed."""
SVG = "{http://www.w3.org/2000/svg}"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _BROWSERS)), "")


def to_html(document: Document) -> str:
    return report_to_html(report_from_dict(document))


def to_markdown(document: Document) -> str:
    return report_to_markdown(report_from_dict(document))


def to_svg(document: Document) -> str:
    return report_to_svg(report_from_dict(document))


def pixels(seed: int = 0) -> str:
    digit = np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)
    return base64.b64encode(digit.tobytes()).decode("ascii")


def a_picture(index: int, label: int, before: int, after: int) -> Document:
    return {
        "index": index,
        "path": None,
        "label": label,
        "reference": {"digit": before, "confidence": 0.512},
        "candidate": {"digit": after, "confidence": 0.634},
        "pixels": pixels(index),
    }


def a_scheme(name: str, *, lost: int = 0, gained: int = 0, flips: Any = ()) -> Document:
    confusion = (np.eye(10, dtype=int) * 99 + 1).tolist()
    confusion[4][9] += lost
    confusion[4][4] -= lost
    correct = 9_971 - lost + gained
    bins = [
        {
            "lower": number / 10,
            "upper": (number + 1) / 10,
            "count": 0 if number < 3 else 10 * number,
            "confidence": None if number < 3 else (number + 0.5) / 10,
            "accuracy": None if number < 3 else (number + 0.4) / 10,
        }
        for number in range(10)
    ]
    return {
        "scheme": name,
        "sha256": f"{len(name):064x}",
        "size": 88_432,
        "parameters": 81_800,
        "multiply_adds": 5_100_000,
        "arena": None,
        "operators": [{"name": "CONV_2D", "version": 3, "count": 6}],
        "temperature": 1.01,
        "min_confidence": 0.56,
        "correct": correct,
        "total": 10_000,
        "accuracy": correct / 10_000,
        "accuracy_interval": [0.9957, 0.9979],
        "both_right": 9_971 - lost,
        "only_reference": lost,
        "only_candidate": gained,
        "both_wrong": 29 - gained,
        "drop_points": (lost - gained) / 100,
        "drop_interval": [(lost - gained) / 100 - 0.02, (lost - gained) / 100 + 0.04],
        "largest_drop": (lost - gained) / 100 + 0.04,
        "p_value": 0.625,
        "agreement": 0.9997,
        "pictures_to_see": {"drop_points": 0.05, "pictures": 34_567},
        "abstained": 93,
        "flipped": len(flips),
        "classes": [
            {
                "digit": digit,
                "count": 1000,
                "recall": None if digit == 7 else 0.99,
                "precision": 0.98,
                "recall_drop_points": None if digit == 7 else 0.13,
            }
            for digit in range(10)
        ],
        "confusion": confusion,
        "flips": list(flips),
        "mistakes": [a_picture(1234, 5, 3, 3)],
        "doubtful": [a_picture(4321, 1, 7, 7)],
        "calibration": {
            "error": 0.0021,
            "negative_log_likelihood": 0.0123,
            "bins": bins,
            "true_class_change": -0.00012,
            "symmetric_divergence": 0.00034,
        },
        "coverage": [
            {"coverage": 1.0, "accuracy": correct / 10_000, "threshold": 0.2},
            {"coverage": 0.5, "accuracy": 1.0, "threshold": 0.99},
        ],
        "corruptions": [
            {
                "kind": kind,
                "severity": 3,
                "correct": 800,
                "total": 1000,
                "accuracy": 0.8,
                "drop_points": drop,
                "drop_interval": [drop - 1, drop + 1],
                "abstained": 180,
                "wrong_answers": 25 + lost,
            }
            for kind, drop in (("fog", -0.4), ("zigzag", 2.5), ("shear", 0.0))
        ],
    }


FLIPS = (a_picture(947, 8, 8, 9), a_picture(2462, 2, 0, 2), a_picture(2018, 1, 2, 8))


def a_report() -> Document:
    """A report of invented figures."""
    schemes = [
        a_scheme("float32"),
        a_scheme("float16"),
        a_scheme("int8", lost=2, gained=1, flips=copy.deepcopy(FLIPS)),
    ]
    return {
        "schema_version": 2,
        "mnist_edge": "0.1.0",
        "command": "mnist-edge report models/edge --max-drop 0.3",
        "model": "edge",
        "reference": "float32",
        "verdict": "int8 costs edge nothing: 99.70 % of 10,000 pictures against 99.71 % in "
        "float32; no drop larger than 0.05 points at 95 % confidence.",
        "runtime": "tflite-runtime 2.14.0",
        "data": {
            "name": "MNIST test",
            "pictures": 10_000,
            "sha256": {"t10k-images": "ab" * 32},
            "unreadable": [],
            "without_digit": [],
        },
        "schemes": schemes,
        "gates": [
            {
                "name": "--max-drop",
                "limit": 0.3,
                "value": 0.0512,
                "unit": "points",
                "scheme": "int8",
                "passed": True,
            }
        ],
        "times": {
            "date": "2026-11-21",
            "machine": "Linux aarch64, 4 cores",
            "cpu": "Cortex-A72",
            "threads": [1, 4],
            "governor": None,
            "temperature_c": 48.5,
            "peak_memory_mb": 61.2,
            "schemes": [
                {
                    "scheme": scheme["scheme"],
                    "load_ms": 1.2,
                    "median_us": 417.4,
                    "p95_us": 480.0,
                    "p99_us": 5_123.0,
                    "throughput": {"1": 2_345.0, "4": 7_891.0},
                }
                for scheme in schemes
            ],
        },
    }


@pytest.fixture
def document() -> Document:
    return a_report()


class Page(HTMLParser):
    """A page taken apart; it fails where an element is not closed as it was opened."""

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


def test_the_verdict_comes_first_and_its_claim_is_the_heading(document: Document) -> None:
    page = Page(to_html(document))
    assert page.headings[0] == "int8 costs edge nothing"
    text = plain(page)
    places = [
        text.index(words)
        for words in (
            "int8 costs edge nothing 99.70 % of 10,000 pictures against 99.71 %",
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


@pytest.mark.parametrize(
    ("verdict", "parts"),
    [
        ("int8 costs a nothing: 99 % of 9.", ("int8 costs a nothing", "99 % of 9.")),
        ("int8 is broken: 9 %: do not ship it.", ("int8 is broken", "9 %: do not ship it.")),
        (
            "int8 loses 3.00 points (95 %: 2.70 to 3.30), 96 % of 9: do not ship it.",
            ("int8 loses 3.00 points (95 %: 2.70 to 3.30)", "96 % of 9: do not ship it."),
        ),
        ("a: float32 alone was measured.", ("a: float32 alone was measured.", "")),
        ("int8 is (no end: of it", ("int8 is (no end: of it", "")),
    ],
)
def test_a_verdict_is_cut_where_its_claim_ends(verdict: str, parts: tuple[str, str]) -> None:
    assert split_verdict(verdict) == parts


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


def test_the_page_needs_nothing_from_anywhere(document: Document) -> None:
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


def test_tables_say_what_their_cells_belong_to(document: Document) -> None:
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


def test_many_flips_are_folded_and_those_without_a_picture_are_told(document: Document) -> None:
    scheme = document["schemes"][2]
    scheme["flips"] = [a_picture(number, 4, 4, 9) for number in range(120)]
    scheme["flipped"] = 8_123
    page = Page(to_html(document))
    assert len([a for a in page.all("img") if "int8 answers 9" in str(a["alt"])]) == 120
    assert "Lost: 72 more" in page.text
    assert "no pictures of the other 8,003" in page.text
    assert "20 more are in report.html." in to_markdown(document)


def test_own_pictures_go_by_their_paths(document: Document) -> None:
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


def test_drawings_are_xml_that_says_what_it_shows(document: Document) -> None:
    seen = []
    for svg in drawings(to_html(document)):
        numbers = " ".join(value for element in svg.iter() for value in element.attrib.values())
        assert "nan" not in numbers
        if svg.get("aria-hidden") == "true":
            continue
        assert svg.get("role") == "img"
        title, description = svg.findtext(f"{SVG}title"), svg.findtext(f"{SVG}desc")
        assert title
        assert description
        seen.append(f"{title}: {description}")
    every = "\n".join(seen)
    assert "Reliability of float32 and int8" in every
    assert "int8 withholds 93 of 10,000; 99.70 % of all answers are right" in every
    assert "\u22122 4 answered as 4; +2 4 answered as 9" in every
    assert "zigzag +2.50 (+1.50 to +3.50); shear 0.00 (\u22121.00 to +1.00); fog" in every
    assert "int8: median 417, p95 480, p99 5,123 microseconds" in every


def test_the_picture_tells_the_verdict_each_drop_and_what_changed(document: Document) -> None:
    picture = ET.fromstring(to_svg(document))  # noqa: S314 - our own
    words = [one.text for one in picture.iter(f"{SVG}text")]
    assert words[0] == "int8 costs edge nothing"
    assert "int8 answers otherwise: 3 of 10,000" in words
    for said in ("99.70 %", "88,432", "#947", "a 8", "8 \u2192 9"):
        assert said in words
    assert len(list(picture.iter(f"{SVG}image"))) == 3
    description = str(picture.findtext(f"{SVG}desc"))
    assert document["verdict"] in description
    assert "int8: 99.70 %, 88,432 bytes, drop +0.01 (\u22120.01 to +0.05)" in description
    document["schemes"] = document["schemes"][:1]
    assert "answers otherwise" not in to_svg(document)


def test_the_picture_loads_nothing_and_a_name_in_it_is_only_text(document: Document) -> None:
    text = to_svg(hostile(document, HOSTILE))
    picture = ET.fromstring(text)  # noqa: S314 - our own
    known = ("svg", "title", "desc", "style", "rect", "line", "circle", "text", "image")
    assert {one.tag for one in picture.iter()} <= {f"{SVG}{tag}" for tag in known}
    for one in picture.iter(f"{SVG}image"):
        assert str(one.get("href")).startswith("data:image/png;base64,")
    assert "url(" not in text


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_letters_can_be_read_on_what_is_behind_them(theme: int) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 for text."""
    block = re.findall(r":root \{(.*?)\}", COLORS, re.DOTALL)[theme]
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", block))

    def luminance(name: str) -> float:
        shares = [int(colors[name][place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return float(np.dot((0.2126, 0.7152, 0.0722), linear))

    def contrast(first: str, second: str) -> float:
        dark, light = sorted((luminance(first), luminance(second)))
        return (light + 0.05) / (dark + 0.05)

    for letters in ("ink", "soft", "faint", "reference", "missed", "passed"):
        assert contrast(letters, "paper") >= 4.5
    for letters in ("ink", "soft", "missed"):
        assert contrast(letters, "panel") >= 4.5
    for state in ("passed", "missed"):
        assert contrast(state, f"{state}-panel") >= 4.5
        assert contrast("ink", f"{state}-panel") >= 4.5
    for mark in ("reference", "candidate", "better", "worse"):
        assert contrast(mark, "paper") >= 3


def test_corruptions_are_drawn_the_largest_drop_first_and_severities_apart(
    document: Document,
) -> None:
    for scheme in document["schemes"]:
        worse = [{**result, "severity": 5} for result in scheme["corruptions"][:2]]
        scheme["corruptions"] += worse
    titles = {
        svg.findtext(f"{SVG}title"): [words.text for words in svg.iter(f"{SVG}text")]
        for svg in drawings(to_html(document))
    }
    for severity, kinds in ((3, ["zigzag", "shear", "fog"]), (5, ["zigzag", "fog"])):
        words = titles[f"Accuracy under corruption of float32 and int8, severity {severity}"]
        assert [word for word in words if word in kinds] == kinds


def test_wrong_answers_under_corruption_stand_beside_the_references(document: Document) -> None:
    document["schemes"][2]["corruptions"][1]["wrong_answers"] = 31
    row = "| zigzag | 3 | 1,000 | 80.00 % | 80.00 % | +2.50 (+1.50 to +3.50) |"
    told = "2.50 % (abstained: 18.00 %) | 3.10 % (abstained: 18.00 %) |"
    assert f"{row} {told}" in to_markdown(document)
    said = Page(to_html(document)).text
    assert "3.10 %" in said
    assert "Wrong answers: the share" in said


def test_what_was_not_measured_leaves_no_gap_that_fails(document: Document) -> None:
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
    document["verdict"] = "float16 is broken: 10.00 % of 10,000 pictures."
    schemes = [title for title in Page(to_html(document)).headings if " of 10,000" in title]
    assert schemes[0].startswith("float16:")
    document["verdict"] = "Nobody knows."
    schemes = [title for title in Page(to_html(document)).headings if " of 10,000" in title]
    assert schemes[0].startswith("int8:")


def hostile(document: Document, text: str) -> Document:
    """A report of which every word from outside is one text."""
    changed = copy.deepcopy(document)
    for key in ("model", "command", "runtime", "verdict", "mnist_edge"):
        changed[key] = text
    changed["data"] |= {
        "name": text,
        "sha256": {text: text},
        "unreadable": [{"path": text, "reason": text}],
    }
    changed["gates"][0] |= {"name": text, "unit": text, "scheme": text}
    changed["times"] |= {"machine": text, "cpu": text, "governor": text, "date": text}
    scheme = changed["schemes"][1]
    scheme["scheme"] = changed["times"]["schemes"][1]["scheme"] = text
    scheme["flips"] = [{**FLIPS[0], "path": text}]
    scheme["operators"][0]["name"] = text
    for each in changed["schemes"]:
        each["corruptions"][0]["kind"] = text
    return changed


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
    """Fails where a table's row has more or fewer cells than its header."""
    markdown.encode("utf-8")
    tables = [block for block in markdown.split("\n\n") if block.startswith("| ")]
    assert len(tables) >= 4
    for table in tables:
        lines = table.split("\n")
        assert re.fullmatch(r"\| ---( \| ---:)+ \|", lines[1])
        widths = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}
        assert len(widths) == 1


def test_hostile_names_are_only_text(document: Document) -> None:
    require_sound(hostile(document, HOSTILE), 1)
    markdown = to_markdown(hostile(document, HOSTILE))
    assert "\n<" not in markdown
    assert not re.search(r"(?<!\\)\[x", re.sub(r"`+ .*? `+", "", markdown))


@settings(max_examples=12)  # each draws the whole report
@given(text=st.text(st.characters(codec=None), max_size=40))
def test_any_name_leaves_the_pages_whole(text: str) -> None:
    document = a_report()
    document["schemes"] = [a_scheme("float32"), a_scheme("int8", lost=2, flips=FLIPS[:1])]
    require_sound(hostile(document, text), 1)


def test_the_markdown_has_sound_tables_and_the_times_last(document: Document) -> None:
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


def test_a_thumbnail_is_the_digit_pixel_by_pixel() -> None:
    kind, content = data_uri(pixels(3)).split(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.format == "PNG"
        assert np.asarray(image).tobytes() == base64.b64decode(pixels(3))


@pytest.mark.parametrize("wrong", ["", "AAAA", "no base64!", "\u00e9", pixels()[:-4]])
def test_pixels_of_no_digit_are_refused(wrong: str) -> None:
    with pytest.raises(InvalidValue, match="write the report again"):
        data_uri(wrong)


def browse(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Opens a page in a browser without a window."""
    return subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            "--v=0", f"--user-data-dir={profile}", *options, page.as_uri(),
        ],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium or google-chrome is installed")
def test_a_browser_shows_the_verdict_and_the_flips_and_complains_of_nothing(
    document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(to_html(document), encoding="utf-8")
    opened = browse(path, tmp_path / "profile", "--dump-dom")
    page = Page(opened.stdout)
    assert page.headings[0] == "int8 costs edge nothing"
    assert "99.70 % of 10,000 pictures against 99.71 %" in plain(page)
    for picture in FLIPS:
        assert any(f"#{picture['index']}," in str(a["alt"]) for a in page.all("img"))
    assert "CONSOLE" not in opened.stderr


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
    assert page.headings[:2] == [found.summary, "What A and B are"]
    assert not page.all("script")
    assert "int8 in A and in B" in page.text
    assert "CONSOLE" not in opened.stderr


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium or google-chrome is installed")
def test_the_page_fits_a_phone_and_a_name_runs_no_script(
    document: Document, tmp_path: Path
) -> None:
    """A script of the test's own, beside the page's, measures it; the page itself allows none."""
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
