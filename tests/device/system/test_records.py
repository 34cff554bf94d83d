"""Records are what dataclasses are."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from mnist_edge.modelstore.manifest import Score, TensorSpec
from mnist_edge.system.records import record


def fields_of(decorator: Any) -> Any:
    """Return the same class, made by a decorator."""

    @decorator(frozen=True, kw_only=True)
    class Reading:
        """A value."""

        digit: int
        place: tuple[int, ...] = (0, 0)
        notes: list[str] = dataclasses.field(default_factory=list)

        def __post_init__(self) -> None:
            if self.digit > 9:
                raise ValueError("no digit")

    return Reading


RECORD, DATACLASS = fields_of(record), fields_of(dataclasses.dataclass)


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error)


@pytest.mark.parametrize(
    "call",
    [
        lambda kind: repr(kind(digit=3)),
        lambda kind: repr(kind(digit=3, place=(1, 2), notes=["x"])),
        lambda kind: kind(digit=3) == kind(digit=3),
        lambda kind: kind(digit=3) == kind(digit=4),
        lambda kind: kind(digit=3) == (3, (0, 0), []),
        lambda kind: hash(kind(digit=3)),
        lambda kind: hash(kind(digit=3, notes=())) == hash(kind(digit=3, notes=())),
        lambda kind: kind(digit=3).notes is kind(digit=3).notes,
        lambda kind: kind(),
        lambda kind: kind(3),
        lambda kind: kind(digit=3, size=1),
        lambda kind: kind(digit=10),
        lambda kind: setattr(kind(digit=3), "digit", 4),
        lambda kind: delattr(kind(digit=3), "digit"),
        lambda kind: dataclasses.asdict(kind(digit=3)),
        lambda kind: repr(dataclasses.replace(kind(digit=3), digit=4)),
        lambda kind: outcome(lambda: dataclasses.replace(kind(digit=3), digit=10)),
        lambda kind: [field.name for field in dataclasses.fields(kind)],
        lambda kind: repr(copy.deepcopy(kind(digit=3))),
        lambda kind: kind.__doc__,
        lambda kind: kind.place,
    ],
)
def test_a_record_does_what_a_dataclass_does(call: Callable[[Any], object]) -> None:
    assert outcome(lambda: call(RECORD)) == outcome(lambda: call(DATACLASS))


def test_a_wrong_field_of_a_record_is_named() -> None:
    with pytest.raises(TypeError, match=r"Reading.*unexpected keyword argument 'size'"):
        RECORD(digit=3, size=1)
    with pytest.raises(TypeError, match=r"Reading.*'digit'"):
        RECORD()


def test_records_can_be_pickled() -> None:
    spec = TensorSpec(shape=(1, 28, 28), dtype="int8", scale=0.5, zero_point=-3)
    copied = pickle.loads(pickle.dumps(spec))  # noqa: S301  # our own
    assert copied == spec
    assert {spec: 1}[copied] == 1


def test_a_field_cannot_be_changed() -> None:
    score = Score(correct=1, total=2, runtime="none")
    with pytest.raises(dataclasses.FrozenInstanceError, match="correct"):
        score.correct = 2  # type: ignore[misc]


@pytest.mark.parametrize("options", [{"frozen": False}, {"kw_only": False}])
def test_a_record_is_frozen_and_has_names(options: dict[str, bool]) -> None:
    with pytest.raises(TypeError, match="frozen"):
        record(**{"frozen": True, "kw_only": True} | options)
