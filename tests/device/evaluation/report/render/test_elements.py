"""The elements that the page is made of."""

from __future__ import annotations

from mnist_edge.evaluation.report.render import elements
from mnist_edge.evaluation.report.render.tables import ReportTable
from mnist_edge.evaluation.report.results import ImageResult, SchemeAnswer
from tests.support.pages import Page
from tests.support.reports import pixels

TABLE = ReportTable(
    caption="Times & bytes",
    header=("scheme", "note", "bytes"),
    rows=(("<int8>", "x" * 41, ("15,993", "half")), ("float32", "", "31,000")),
)


def test_a_page_loads_nothing_and_its_title_is_escaped() -> None:
    text = elements.html_page("1 < 2", "<p>body</p>")
    page = Page(text)
    assert "<title>1 &lt; 2</title>" in text
    policies = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_a_wide_table_scrolls_by_keyboard_under_its_name() -> None:
    (region,) = Page(elements.table_to_html(TABLE)).all("div")
    assert (region["role"], region["tabindex"]) == ("region", "0")
    assert region["aria-label"] == "Times & bytes"


def test_a_table_escapes_its_cells_and_styles_long_ones_as_prose() -> None:
    text = elements.table_to_html(TABLE, drawn={"bytes": ["<svg>1</svg>", "<svg>2</svg>"]})
    assert '<th scope="row">&lt;int8&gt;</th>' in text
    assert text.count('class="words"') == 3
    assert "<td>15,993 <small>half</small><svg>1</svg></td>" in text
    assert "<td>31,000<svg>2</svg></td>" in text


def test_a_name_keeps_its_writing_direction_to_itself() -> None:
    assert elements.user_text("a<b") == "<bdi>a&lt;b</bdi>"
    assert elements.prose("99.7 % of it") == "<bdi>99.7&nbsp;% of it</bdi>"


def test_a_card_names_the_picture_and_marks_wrong_answers_and_doubtful_labels() -> None:
    image = ImageResult(
        index=7,
        path=None,
        label=4,
        reference=SchemeAnswer(digit=4, confidence=0.9),
        candidate=SchemeAnswer(digit=9, confidence=0.8),
        pixels=pixels(),
    )
    (card,) = Page(elements.image_cards([image], "float32", "int8")).all("img")
    assert card["alt"] == (
        "Picture #7, labelled 4: float32 answers 4 with 90.0 %, int8 answers 9 with 80.0 %"
    )
    text = elements.image_cards([image], "float32", "int8", suspect={7})
    assert "label in doubt" in text
    assert "label in doubt" not in elements.image_cards([image], "float32", "int8", suspect={8})
    assert text.count('<b class="wrong">') == 1


def test_a_section_is_named_by_its_heading() -> None:
    text = elements.section("cost", "What it costs", elements.details("more", "<p>all</p>"))
    assert '<section id="cost" aria-labelledby="cost-heading">' in text
    assert '<h2 id="cost-heading">What it costs</h2>' in text
    assert "<summary>more</summary>\n<p>all</p>" in text
