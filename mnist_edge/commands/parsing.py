"""How the command line is parsed: lists, old spellings of options, examples in ``--help``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from typer.core import TyperCommand, TyperGroup

from mnist_edge.commands.console import warn


class Command(TyperCommand):
    """A command with examples after its options, one per line of its epilog.

    Contexts and formatters are click's, which later typers carry inside themselves: no one import
    names them in every version.
    """

    renamed: Mapping[str, str] = {}
    """Spellings of the last release and today's, for example ``--json`` and ``--format json``. The
    old ones work, with a warning, and are neither in ``--help`` nor completed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words after the command's name."""
        if self.renamed:
            args = list(_rename(args, self.renamed))
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        format_examples(self.epilog, formatter)


class Group(TyperGroup):
    """A group of commands with examples after their list."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        format_examples(self.epilog, formatter)


def format_examples(examples: str | None, formatter: Any) -> None:
    """Write examples, one per line, at the end of ``--help``."""
    if examples:
        with formatter.section("Examples"):
            for line in examples.strip().splitlines():
                formatter.write(f"  {line}\n")


def split_list(values: Iterable[str] | None) -> list[str]:
    """Split the values of an option that takes a list: given repeatedly, or with commas.

    A path with a comma in it is not split.
    """
    from mnist_edge.system.files import exists

    return [
        part
        for value in values or ()
        for part in ([value] if exists(value) else filter(None, value.split(",")))
    ]


def _rename(words: list[str], renamed: Mapping[str, str]) -> Iterator[str]:
    """Yield today's spelling of each word, and warn of the old ones."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            yield from (word, *rest)
            return
        name, equals, value = word.partition("=")
        with_value = f"{name} {value if equals else next(iter(rest), '')}"
        if with_value in renamed:
            if not equals:
                rest.pop(0)
            equals, name, value = "", with_value, ""
        if name in renamed:
            warn(f"{name} is deprecated; use {renamed[name]}")
            *others, last = renamed[name].split()
            yield from (*others, f"{last}{equals}{value}")
        else:
            yield word


def parse_min_confidence(text: str | None) -> float | str | None:
    """Parse ``--min-confidence``: a number, or else the name of an operating point."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
