"""Write what the pages say of the program, from the program.

    python docs/generate.py           write the generated parts anew
    python docs/generate.py --check   exit 1 if one of them is out of date

A page holds a generated part between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

# Help is wrapped by the width of the terminal, which typer reads when it is imported.
os.environ |= {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"}

from typer.testing import CliRunner

import mnist_edge
from mnist_edge import errors
from mnist_edge.commands.group import COMMANDS, app
from mnist_edge.evaluation.report.document import report_schema
from mnist_edge.modelstore import manifest
from mnist_edge.monitoring import settings_keys, settings_text
from mnist_edge.monitoring.clock import format_duration
from mnist_edge.monitoring.history_schema import migrate
from mnist_edge.monitoring.settings import MonitorSettings

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    *(
        f"docs/reference/{name}.md"
        for name in (
            "cli",
            "python",
            "report-json",
            "manifest",
            "errors",
            "watch-settings",
            "history",
        )
    ),
)

_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def main(arguments: Sequence[str]) -> int:
    """Write or check every page, and return the exit status."""
    stale = []
    for name in PAGES:
        page = ROOT / name
        text = page.read_text(encoding="utf-8")
        fresh = _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[4]}", text)
        if fresh != text:
            stale.append(name)
            if "--check" not in arguments:
                page.write_text(fresh, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run python docs/generate.py")
        return 1
    return 0


def overview() -> str:
    """Return the program's own help."""
    return _help()


def commands() -> str:
    """Return the help of each command, and of each command of a group."""
    return "\n\n".join(
        f"## mnist-edge {' '.join(words)}\n\n{_help(*words)}" for words in _command_words()
    )


def _command_words() -> Iterator[tuple[str, ...]]:
    for command in COMMANDS:
        yield (command,)
        listed = _help(command).partition("Commands:\n")[2]
        for name in re.findall(r"^  (\w+)  ", listed, re.MULTILINE):
            yield command, name


def _help(*words: str) -> str:
    outcome = CliRunner().invoke(app, [*words, "--help"], prog_name="mnist-edge")
    lines = (line.rstrip() for line in outcome.output.strip().splitlines())
    return "\n".join(["```text", *lines, "```"])


def python_names() -> str:
    """Return the documentation of each public name of the package, constants last."""
    public = [getattr(mnist_edge, name) for name in mnist_edge.__all__]
    classes = [_class(one) for one in public if isinstance(one, type)]
    tree = ast.parse(inspect.getsource(mnist_edge))
    constants = [
        (f"`{name}`", f"`{getattr(mnist_edge, name)!r}`", meaning)
        for name, _, meaning in _documented(tree.body)
    ]
    return "\n\n".join([*classes, "## Constants", _table(("name", "value", "meaning"), constants)])


def history_tables() -> str:
    """Return the statements that make the tables of a history of readings."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    migrate(database)
    statements = database.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ).fetchall()
    database.close()
    tables = [re.sub(r"\n {8}", "\n", statement) for (statement,) in statements]
    return "\n".join(["```sql", *(f"{table};" for table in tables), "```"])


def _class(one: type) -> str:
    tree = _classes(sys.modules[one.__module__])[one.__name__]
    parts = [f"## {one.__name__}", _text(ast.get_docstring(tree))]
    if rows := list(_fields(tree)):
        parts.append(_table(("attribute", "type", "meaning"), rows))
    parts += [
        _function(part, one.__name__)
        for part in tree.body
        if isinstance(part, ast.FunctionDef) and re.match("[a-z]|__init__$", part.name)
    ]
    return "\n\n".join(part for part in parts if part)


def _function(tree: ast.FunctionDef, owner: str) -> str:
    parameters = re.sub(r"^self(, )?", "", ast.unparse(tree.args))
    result = f" -> {ast.unparse(tree.returns)}" if tree.returns else ""
    if tree.name == "__init__":
        return _code(f"def {owner}({parameters}): ...").replace("def ", "", 1)
    if any(ast.unparse(decorator) == "property" for decorator in tree.decorator_list):
        signature = f"{tree.name}: {result.removeprefix(' -> ')}"
    else:
        signature = f"def {tree.name}({parameters}){result}: ..."
    return f"### {tree.name}\n\n{_code(signature)}\n\n{_text(ast.get_docstring(tree))}"


def _code(signature: str) -> str:
    """Return a signature as a block of Python, wrapped by ruff."""
    outcome = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length", "90", "-"],
        input=signature,
        capture_output=True,
        text=True,
        check=True,
    )
    return f"```py\n{outcome.stdout.strip().removesuffix(': ...')}\n```"


def manifest_fields() -> str:
    """Return a table of fields for each part of a manifest, the whole first."""
    classes = [c for c in _classes(manifest).values() if any(_fields(c))]
    return "\n\n".join(
        f"## {tree.name}\n\n{_text(ast.get_docstring(tree))}\n\n"
        + _table(("field", "type", "meaning"), _fields(tree))
        for tree in sorted(classes, key=lambda tree: tree.name != "ModelManifest")
    )


def report_fields() -> str:
    """Return a table of fields for each part of a report, the whole first."""
    document = report_schema()
    parts = {"Report": document, **document["$defs"]}
    return "\n\n".join(
        f"## {name}\n\n{_text(part.get('description'))}\n\n"
        + _table(
            ("field", "type", "meaning"),
            (
                (f"`{field}`", _json_type(value), _text(value.get("description")))
                for field, value in part["properties"].items()
            ),
        )
        for name, part in parts.items()
    )


def _json_type(value: dict[str, Any]) -> str:
    """Return the type of a value in words, with a link to each part that it holds."""
    match value:
        case {"$ref": reference}:
            name = reference.rpartition("/")[2]
            text = f"[{name}](#{name.lower()})"
        case {"const": constant}:
            text = f"`{json.dumps(constant)}`"
        case {"enum": choices}:
            text = " or ".join(f"`{json.dumps(choice)}`" for choice in choices)
        case {"anyOf": choices} | {"oneOf": choices}:
            text = " or ".join(map(_json_type, choices))
        case {"type": "array", "items": dict(items)}:
            text = f"array of {_json_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            text = f"object of {_json_type(values)}"
        case {"type": list(kinds)}:
            text = " or ".join(kinds)
        case _:
            text = str(value.get("type", "any"))
    return text


def error_tree() -> str:
    """Return the tree of errors and, for each, its exit status and when it is raised."""
    tree = re.search(r"(?:^ {4}.*\n)+", inspect.getdoc(errors) or "", re.MULTILINE)
    if tree is None:
        raise LookupError("no tree of errors in mnist_edge/errors.py")
    rows = [
        (f"`{name}`", str(getattr(errors, name).exit_code), _first_line(_text(inspect.getdoc(one))))
        for name, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, errors.MnistEdgeError)
    ]
    drawn = inspect.cleandoc(tree[0])
    return f"```text\n{drawn}\n```\n\n{_table(('error', 'exit status', 'raised when'), rows)}"


def _classes(module: ModuleType) -> dict[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(module))
    return {part.name: part for part in tree.body if isinstance(part, ast.ClassDef)}


def _fields(tree: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and docstring of each documented field of a class."""
    for name, kind, meaning in _documented(tree.body):
        yield f"`{name}`", f"`{kind}`", meaning


def _documented(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and docstring of each name that a docstring follows."""
    for target, text in itertools.pairwise(body):
        match target, text:
            case (
                (ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name))),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ):
                kind = getattr(target, "annotation", None)
                yield name, ast.unparse(kind).replace(" | ", " or ") if kind else "", _text(meaning)


def _text(docstring: str | None) -> str:
    """Return a docstring as Markdown, with code in single backticks."""
    text = inspect.cleandoc(docstring or "").replace("``", "`")
    text, *sections = re.split(r"^(?=(?:Args|Raises|Returns|Yields):$)", text, flags=re.MULTILINE)
    return "".join([text, *map(_section, sections)])


def _section(text: str) -> str:
    """Return a section of a docstring as Markdown."""
    text = re.sub(r"^(Args|Raises|Returns|Yields):$", r"**\1**\n", text, flags=re.MULTILINE)
    text = re.sub(r"^ {4}(\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    text = re.sub(r"^ {8}", "  ", text, flags=re.MULTILINE)
    return re.sub(r"^ {4}", "", text, flags=re.MULTILINE)


def _first_line(text: str) -> str:
    return text.partition("\n\n")[0]


def _table(header: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    cells = ([" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def watch_settings() -> str:
    """Return a section for each table of a watch's settings, and one for each of its keys."""
    return "\n\n".join(_settings_table(MonitorSettings, ()))


def _settings_table(settings: type[Any], at: tuple[str, ...]) -> Iterator[str]:
    """Yield the keys of a table, then the tables below it; each key has an anchor."""
    known = settings_keys.keys(settings)
    for key in known:
        if not (key.table or key.array):
            anchor = "-".join((*at, key.name))
            yield f'### <a id="{anchor}"></a>`{key.name}`'
            yield _sentence(key.help)
            yield f"{_kind(key)}{_settings_default(key)}"
    for key in known:
        if part := key.table or key.array:
            name = ".".join((*at, key.name))
            yield f"## {f'[[{name}]]' if key.array else f'[{name}]'}".replace("[", "\\[")
            yield _sentence(key.help)
            yield from _settings_table(part, (*at, key.name))


def _sentence(text: str) -> str:
    return re.sub(r"<|>", lambda found: {"<": "&lt;", ">": "&gt;"}[found[0]], text)


def _kind(key: settings_keys.Key) -> str:
    words = settings_text.kind_words(key.kind)
    return f"{words[0].upper()}{words[1:]}"


def _settings_default(key: settings_keys.Key) -> str:
    """Return what a key is by default; for one that must be there, that it must."""
    if key.default is dataclasses.MISSING:
        return f"; must be set, for example `{key.example}`."
    if key.default is None:
        return f"; for example `{key.example}`."
    text = settings_text.format_value(key.default)
    if "duration" in settings_text.kind_words(key.kind):
        text = f'"{format_duration(key.default)}"'
    return f"; `{text}` by default."


PARTS: dict[str, Callable[[], str]] = {
    "overview": overview,
    "commands": commands,
    "python": python_names,
    "manifest": manifest_fields,
    "report": report_fields,
    "errors": error_tree,
    "history": history_tables,
    "watch-settings": watch_settings,
}
"""What each generated part is written by."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
