"""The ``mnist-edge`` program: the one boundary where errors end.

What is plain is done without typer, which takes a tenth of a start that reads one picture: the
version, and ``predict`` with pictures and the two options that scripts give. Anything else is
typer's, every mistake included.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mnist_edge.commands.console import fail, print_version
from mnist_edge.errors import MnistEdgeError

_INTERRUPTED = 128 + 2
"""Exit status after Ctrl-C: SIGINT is signal 2."""
_PLAIN_OPTIONS = {"--model": "model", "-m": "model", "--format": "output", "-f": "output"}
"""Options of ``predict`` that need no parser, with what they give."""
_FORMATS = ("text", "json", "jsonl", "csv")
"""Values of ``commands.prediction_output.Format``."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit with the documented status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    _prepare_streams()
    try:
        try:
            status = _run(words)
        finally:
            sys.stdout.flush()
    except MnistEdgeError as error:
        if "--debug" in words:
            raise
        fail(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        # As typer ends: with a shell's status for a program that was interrupted.
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader has closed the output; nothing more can be written to it.
        _drop_output()
        sys.exit(1)
    except (OSError, MemoryError) as error:
        if "--debug" in words:
            raise
        _fail_system(error)
    sys.exit(status)


def _run(words: list[str]) -> int:
    """Run what the words call, and return the exit status."""
    if words == ["--version"]:
        print_version()
        return 0
    if (plain := parse_plain(words)) is None:
        from mnist_edge.commands.group import run_words

        return run_words(words)
    from mnist_edge.commands.predict_pictures import predict_pictures
    from mnist_edge.commands.prediction_output import Format

    pictures, model, output = plain
    return int(predict_pictures(pictures, model=model, output=Format(output)) > 0)


def parse_plain(words: Sequence[str]) -> tuple[list[str], str | None, str] | None:
    """Parse ``predict`` with pictures, and at most a model and a format.

    Returns:
        The pictures, the model and the format; None for any other words, and for those that may not
        mean here what they mean to typer.
    """
    pictures: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    if next(rest, None) != "predict":
        return None
    for word in rest:
        if not word.startswith("-"):
            pictures.append(word)
            continue
        name, value = _PLAIN_OPTIONS.get(word), next(rest, "-")
        if name is None or name in options or value.startswith("-"):
            return None
        options[name] = value
    output = options.get("output", "text")
    if not pictures or output not in _FORMATS:
        return None
    return pictures, options.get("model"), output


def _prepare_streams() -> None:
    # Python has none where the program was started with the stream closed.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for the whole run
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_IT_CAME)


def _fail_system(error: OSError | MemoryError) -> NoReturn:
    """Exit for an operation that the system refused in the middle of the work."""
    _drop_output()
    if isinstance(error, MemoryError):
        fail("this takes more memory than there is; end other programs, or use smaller files")
    else:
        # Without a name, it is of standard output.
        reason = error.strerror if error.strerror and not error.filename else error
        fail(f"{reason}; the output is not complete")
    sys.exit(1)


def _as_it_came(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write a name that is not Unicode unchanged; escape what the stream cannot encode."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


_AS_IT_CAME = "mnist-edge-as-it-came"
codecs.register_error(_AS_IT_CAME, _as_it_came)


def _drop_output() -> None:
    """Let Python's own final flush succeed where standard output accepts nothing more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
