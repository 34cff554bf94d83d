"""Elements of the HTML page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from mnist_edge.evaluation.report.render.formatting import image_name
from mnist_edge.evaluation.report.render.style import PAGE_STYLE
from mnist_edge.evaluation.report.render.svg import escape_markup
from mnist_edge.evaluation.report.render.tables import Cell, ReportTable
from mnist_edge.evaluation.report.render.thumbnails import data_uri
from mnist_edge.evaluation.report.results import ImageResult, SchemeAnswer
from mnist_edge.system.text import percent

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the browser lets a page load: nothing from anywhere."""
_MAX_SHORT = 40
"""Characters of a cell above which its column is styled as prose."""


def html_page(title: str, *body: str) -> str:
    """Return a page that needs no network, no script and no font."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape_markup(title)}</title>",
            f"<style>{PAGE_STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def user_text(text: object) -> str:
    """Escape a name or path, and isolate its writing direction from the page's."""
    return f"<bdi>{escape_markup(text)}</bdi>"


def prose(text: object) -> str:
    """Escape text without line breaks between a number and its percent sign."""
    return user_text(text).replace(" %", "&nbsp;%")


def table_to_html(table: ReportTable, *, drawn: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return a table that scrolls sideways, by keyboard too, if it is too wide.

    Args:
        table: the content.
        drawn: SVG to add to the cells of a column, one per row, by the column's name.
    """
    drawings = [(drawn or {}).get(name) or [""] * len(table.rows) for name in table.header]
    kinds = [_column_class(column) for column in zip(*table.rows, strict=True)]
    header = "".join(
        f'<th scope="col"{kind}>{escape_markup(name)}</th>'
        for name, kind in zip(table.header, kinds, strict=True)
    )
    rows = "\n".join(
        f"<tr>{_row(row, kinds, row_drawings)}</tr>"
        for row, row_drawings in zip(table.rows, zip(*drawings, strict=True), strict=True)
    )
    caption = escape_markup(table.caption)
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0">\n'
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{header}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def image_cards(
    images: Iterable[ImageResult], reference: str, candidate: str, *, suspect: Collection[int] = ()
) -> str:
    """Return thumbnails of pictures, each with its name, its label and both answers.

    Args:
        images: the pictures.
        reference: name of the reference.
        candidate: name of the other scheme.
        suspect: indices of the pictures whose label may be wrong.
    """
    cards = (_card(image, reference, candidate, image.index in suspect) for image in images)
    return '<ul class="cards">\n' + "\n".join(cards) + "\n</ul>"


def figure(svg: str, caption: str) -> str:
    """Return a plot with its caption."""
    return f"<figure>\n{svg}\n<figcaption>{prose(caption)}</figcaption>\n</figure>"


def plot_grid(*figures: str) -> str:
    """Return plots side by side if there is room."""
    return '<div class="plots">\n' + "\n".join(figures) + "\n</div>"


def details(summary: str, content: str) -> str:
    """Return content that is shown on demand, and in print."""
    return f"<details>\n<summary>{escape_markup(summary)}</summary>\n{content}\n</details>"


def section(identifier: str, title: str, *content: str) -> str:
    """Return a section of the page under its heading."""
    return (
        f'<section id="{identifier}" aria-labelledby="{identifier}-heading">\n'
        f'<h2 id="{identifier}-heading">{escape_markup(title)}</h2>\n'
        + "\n".join(content)
        + "\n</section>"
    )


def definition_list(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names with their values."""
    rows = "\n".join(f"<dt>{user_text(k)}</dt><dd>{user_text(v)}</dd>" for k, v in pairs)
    return f"<dl>\n{rows}\n</dl>"


def _column_class(column: Sequence[Cell]) -> str:
    is_prose = any(isinstance(cell, str) and len(cell) > _MAX_SHORT for cell in column)
    return ' class="words"' if is_prose else ""


def _row(cells: Sequence[Cell], kinds: Sequence[str], drawings: Sequence[str]) -> str:
    columns = zip(cells[1:], kinds[1:], drawings[1:], strict=True)
    return f'<th scope="row">{_cell(cells[0])}</th>' + "".join(
        f"<td{kind}>{_cell(cell)}{drawing}</td>" for cell, kind, drawing in columns
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escape_markup(cell)
    return f"{escape_markup(cell[0])} <small>{escape_markup(cell[1])}</small>"


def _card(image: ImageResult, reference: str, candidate: str, is_suspect: bool) -> str:
    name = image_name(image)
    answers = ((reference, image.reference), (candidate, image.candidate))
    description = ", ".join(
        f"{scheme} answers {answer.digit} with {percent(answer.confidence, 1)}"
        for scheme, answer in answers
    )
    lines = "".join(_answer(scheme, answer, image.label) for scheme, answer in answers)
    return (
        f'<li><figure><img src="{data_uri(image.pixels)}" width="84" height="84" '
        f'alt="Picture {escape_markup(name)}, labelled {image.label}: '
        f'{escape_markup(description)}">'
        f"<figcaption><span><b>{user_text(name)}</b></span>"
        f"<span>labelled <b>{image.label}</b>{', label in doubt' if is_suspect else ''}</span>"
        f"{lines}</figcaption></figure></li>"
    )


def _answer(scheme: str, answer: SchemeAnswer, label: int) -> str:
    mark = "\u2713" if answer.digit == label else '<b class="wrong">\u2717</b>'
    return (
        f"<span>{user_text(scheme)}: <b>{answer.digit}</b> "
        f"{percent(answer.confidence, 1)} {mark}</span>"
    )
