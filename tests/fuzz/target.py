"""What a fuzzer is: the cases it draws, and the property that each must keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random

from mnist_edge.errors import MnistEdgeError

CORPUS = Path(__file__).with_name("corpus")
"""Cases that once broke the property, in a folder for each target."""
TARGETS = (
    *("pictures", "models", "manifests", "archives", "journals", "keras_files"),
    *("label_tables", "watch_settings", "histories", "batches"),
    "requests",
)
"""Names of the fuzzers, each a module of this package with its ``TARGET``."""
_MAX_MESSAGE = 1500
"""Characters of a message that a person still reads."""


@dataclass(frozen=True, kw_only=True)
class KnownCase:
    """A case of which it is known what is right."""

    content: Callable[[], bytes]
    """Makes its bytes."""
    expected: tuple[str, ...]
    """The outcomes that are right: ``read``, or names of our errors."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One fuzzer."""

    name: str
    """As in ``TARGETS``."""
    draw: Callable[[Random], bytes]
    """Draws a case."""
    check: Callable[[bytes, Path], str]
    """Gives a case to the program, with an empty folder for files, and returns the outcome:
    ``read``, or the name of the error of ours that it met. What breaks the property raises."""
    count: int
    """Number of drawn cases in continuous integration: about five seconds of a processor."""
    known: Mapping[str, KnownCase] = field(default_factory=dict)
    """Cases of which it is known what is right."""
    megabytes: int | None = None
    """Memory that a case may take at its peak, beside what the process holds before; None if it is
    not measured."""
    seconds: int = 120
    """Processor time after which a case counts as hanging."""


def find_target(name: str) -> Target:
    """Import the fuzzer of a name, and nothing that the others need."""
    target = import_module(f"tests.fuzz.{name}").TARGET
    assert isinstance(target, Target)
    return target


def list_cases(target: Target) -> list[tuple[str, KnownCase]]:
    """List the known cases of a target, and those in its folder of the corpus."""
    found = sorted((CORPUS / target.name).glob("*"))
    # Whatever the program makes of them, it is nothing but one of our errors.
    kept = [(path.name, KnownCase(content=path.read_bytes, expected=())) for path in found]
    return [*target.known.items(), *kept]


def own_error(error: MnistEdgeError) -> str:
    """Return the outcome of an error of ours, whose message is one line that can be read."""
    message = str(error)
    assert "\n" not in message, f"the message is {message!r}"
    assert 0 < len(message) < _MAX_MESSAGE, f"the message has {len(message)} characters"
    return type(error).__name__
