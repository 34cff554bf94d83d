"""How the command line is parsed: lists, old spellings of options, examples in ``--help``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from typer.core import TyperCommand, TyperGroup

from mnist_edge.commands.console import warn
from mnist_edge.errors import InvalidValue


class Command(TyperCommand):
    """A command with examples after its options, one per line of its epilog.

    Contexts and formatters are click's, which later typers carry inside themselves: no one import
    names them in every version.
    """

    renamed: Mapping[str, str] = {}
    """Spellings of the last release and today's, for example ``--json`` and ``--format json``. The
    old ones work, with a warning, and are neither in ``--help`` nor completed."""

    needs: Mapping[str, str] = {}
    """Options, and for each the one without which it changes nothing."""
    used_with: Mapping[str, Collection[str]] = {}
    """Options that leave others without effect, and for each the only ones that still have one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words after the command's name.

        Raises:
            InvalidValue: an option is given that would change nothing.
        """
        if self.renamed:
            args = list(_rename(args, self.renamed))
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            self._require_effect(ctx)
        return rest

    def _require_effect(self, ctx: Any) -> None:
        given = {
            parameter.opts[0]
            if parameter.param_type_name == "option"
            else parameter.human_readable_name
            for parameter in self.params
            # Nobody imports click's enumeration, which later typers carry inside themselves.
            if ctx.get_parameter_source(parameter.name).name == "COMMANDLINE"
        }
        for option, needed in self.needs.items():
            if option in given and needed not in given:
                raise InvalidValue(f"{option} changes nothing without {needed}: leave it out")
        for option, used in self.used_with.items():
            if option in given and (idle := sorted(given - {option, *used})):
                raise InvalidValue(f"{idle[0]} changes nothing with {option}: leave it out")

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
