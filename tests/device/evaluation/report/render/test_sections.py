"""What each section of the page says, and what it leaves out."""

from __future__ import annotations

from tests.support.pages import Page, plain
from tests.support.reports import FLIPS, Document, a_picture, a_scheme, to_html, to_markdown


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
