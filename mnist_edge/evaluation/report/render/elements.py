"""Pieces of HTML that the page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mnist_edge.evaluation.report.render.formatting import Document, name_of, percent
from mnist_edge.evaluation.report.render.style import STYLE
from mnist_edge.evaluation.report.render.svg import escape
from mnist_edge.evaluation.report.render.tables import Cell, Table
from mnist_edge.evaluation.report.render.thumbnails import data_uri

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a page may load, for the browser to enforce: nothing from anywhere."""
_LONG = 40
"""Characters of a cell beyond which its column is set like sentences."""


def whole_page(title: str, *body: str) -> str:
    """A page that needs nothing else: no network, no script, no font."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def user_text(text: object) -> str:
    """Escaped text whose direction of writing stays its own: names and paths."""
    return f"<bdi>{escape(text)}</bdi>"


def prose(text: object) -> str:
    """Escaped text whose lines do not break between a number and its per cent sign."""
    return user_text(text).replace(" %", "&nbsp;%")


def table(content: Table, *, drawn: tuple[str, Sequence[str]] | None = None) -> str:
    """A table that can be scrolled sideways, by keyboard too, where it is too wide.

    Args:
        content: what it says.
        drawn: the header of one column more, and its cells as SVG.
    """
    title, drawings = drawn or ("", [""] * len(content.rows))
    kinds = [_kind(column) for column in zip(*content.rows, strict=True)]
    header = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for name, kind in zip(content.header, kinds, strict=True)
    )
    if drawn:
        header += f'<th scope="col">{escape(title)}</th>'
    rows = "\n".join(
        "<tr>" + _row(row, kinds) + (f"<td>{drawing}</td>" if drawn else "") + "</tr>"
        for row, drawing in zip(content.rows, drawings, strict=True)
    )
    caption = escape(content.caption)
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0">\n'
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{header}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def cards(pictures: Iterable[Document], reference: str, candidate: str) -> str:
    """Pictures as thumbnails, each with its name, its label and both answers."""
    return (
        '<ul class="cards">\n'
        + "\n".join(_card(picture, reference, candidate) for picture in pictures)
        + "\n</ul>"
    )


def figure(svg: str, caption: str) -> str:
    """A plot with what it shows in words."""
    return f"<figure>\n{svg}\n<figcaption>{prose(caption)}</figcaption>\n</figure>"


def plots(*figures: str) -> str:
    """Plots side by side where there is room."""
    return '<div class="plots">\n' + "\n".join(figures) + "\n</div>"


def details(summary: str, content: str) -> str:
    """What is shown when it is asked for, and in print."""
    return f"<details>\n<summary>{escape(summary)}</summary>\n{content}\n</details>"


def section(identifier: str, title: str, *content: str) -> str:
    """A part of the page under its heading."""
    return (
        f'<section id="{identifier}" aria-labelledby="{identifier}-heading">\n'
        f'<h2 id="{identifier}-heading">{escape(title)}</h2>\n'
        + "\n".join(content)
        + "\n</section>"
    )


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they stand for."""
    rows = "\n".join(f"<dt>{user_text(k)}</dt><dd>{user_text(v)}</dd>" for k, v in pairs)
    return f"<dl>\n{rows}\n</dl>"


def _kind(column: Sequence[Cell]) -> str:
    """Whether a column is set like sentences."""
    long = any(isinstance(cell, str) and len(cell) > _LONG for cell in column)
    return ' class="words"' if long else ""


def _row(cells: Sequence[Cell], kinds: Sequence[str]) -> str:
    return f'<th scope="row">{_cell(cells[0])}</th>' + "".join(
        f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(cells[1:], kinds[1:], strict=True)
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escape(cell)
    return f"{escape(cell[0])} <small>{escape(cell[1])}</small>"


def _card(picture: Document, reference: str, candidate: str) -> str:
    label, name = picture["label"], name_of(picture)
    answers = [
        (scheme, picture[role])
        for scheme, role in ((reference, "reference"), (candidate, "candidate"))
    ]
    told = ", ".join(
        f"{scheme} answers {answer['digit']} with {percent(answer['confidence'], 1)}"
        for scheme, answer in answers
    )
    lines = "".join(_answer(scheme, answer, label) for scheme, answer in answers)
    return (
        f'<li><figure><img src="{data_uri(picture["pixels"])}" width="84" height="84" '
        f'alt="Picture {escape(name)}, labelled {escape(label)}: {escape(told)}">'
        f"<figcaption><span><b>{user_text(name)}</b></span>"
        f"<span>labelled <b>{escape(label)}</b></span>{lines}</figcaption></figure></li>"
    )


def _answer(scheme: str, answer: Mapping[str, float], label: int) -> str:
    right = answer["digit"] == label
    return (
        f"<span>{user_text(scheme)}: <b>{escape(answer['digit'])}</b> "
        f"{percent(answer['confidence'], 1)} "
        + ("\u2713" if right else '<b class="wrong">\u2717</b>')
        + "</span>"
    )
