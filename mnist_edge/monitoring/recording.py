"""Record what a picture shows: the values of its digits, and the messages about them.

A disk that is full, or a history that another program locks, does not end a watch. What cannot be
recorded meanwhile is lost, and the first reading that can be is an error that says how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mnist_edge.errors import NotWritable
from mnist_edge.monitoring.message import Message, Publisher
from mnist_edge.monitoring.readings import RegionReading, ValueReading
from mnist_edge.monitoring.rules import RegionState, apply_rules
from mnist_edge.monitoring.settings import RegionSettings


class Recorder(Protocol):
    """Keeps readings, and the state of the rules from one to the next."""

    def record(
        self,
        readings: Sequence[ValueReading],
        states: Mapping[str, RegionState],
        messages: Iterable[Message] = (),
        *,
        crops: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Record everything that follows from one picture, completely or not at all."""

    def state(self, region: str) -> RegionState:
        """Return the state of a region's rules."""


class Unrecorded:
    """Keeps the states as long as the process runs, and nothing else."""

    def __init__(self) -> None:
        self._states: dict[str, RegionState] = {}

    def record(
        self,
        readings: Sequence[ValueReading],
        states: Mapping[str, RegionState],
        messages: Iterable[Message] = (),
        *,
        crops: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Keep the states."""
        self._states |= states
        return True

    def state(self, region: str) -> RegionState:
        """Return the state of a region's rules."""
        return self._states.get(region, RegionState())


@dataclass(frozen=True)
class _Loss:
    """Readings that were not recorded."""

    first: Sequence[RegionReading]
    """Those of the first picture."""
    pictures: int
    """Of how many pictures there were some."""
    reason: str


class Recording:
    """Makes values of the digits of a watch's regions, keeps them, and has them sent.

    Args:
        regions: those that are read.
        recorder: keeps the values.
        publishers: make messages of them, which the recorder keeps until they are sent.
        report: receives the values of each picture after they were recorded.
        warn: receives a message when they cannot be recorded or reported, and when they can again.
    """

    def __init__(
        self,
        regions: Sequence[RegionSettings],
        recorder: Recorder,
        *,
        publishers: Sequence[Publisher] = (),
        report: Callable[[Sequence[ValueReading]], None],
        warn: Callable[[str], None],
    ) -> None:
        self._rules = {region.name: region.rules for region in regions}
        self._recorder, self._publishers = recorder, publishers
        self._report, self._warn = report, warn
        self._loss: _Loss | None = None
        self._unreported: str | None = None
        """Why the latest values could not be reported."""

    def record(self, seen: Sequence[RegionReading], crops: Mapping[str, bytes]) -> bool:
        """Record what one picture shows.

        Args:
            seen: of each region.
            crops: the encoded picture of each region, by its name; may lack some or all.

        Returns:
            Whether it was recorded; if not, it is lost.

        Raises:
            InvalidHistory: the history is damaged.
        """
        loss = self._loss
        try:
            if loss:
                self._record_one(_named(loss), {})
                self._loss = None
                self._warn(f"readings are kept again; those of {loss.pictures} pictures are lost")
            self._record_one(seen, crops)
        except NotWritable as error:
            if not self._loss:
                self._warn(f"readings are lost: {error}")
            loss = self._loss or _Loss(seen, 0, str(error))
            self._loss = replace(loss, pictures=loss.pictures + 1)
            return False
        return True

    def _record_one(self, seen: Sequence[RegionReading], crops: Mapping[str, bytes]) -> None:
        outcomes = [
            apply_rules(self._rules[one.region], self._recorder.state(one.region), one)
            for one in seen
        ]
        readings = [reading for reading, _ in outcomes]
        states = {reading.region: state for reading, state in outcomes}
        messages = [
            message for one in self._publishers for message in one.messages(readings, crops)
        ]
        self._recorder.record(readings, states, messages, crops=crops)
        try:
            self._report(readings)
        except NotWritable as error:
            if str(error) != self._unreported:
                self._warn(str(error))
            self._unreported = str(error)
        else:
            self._unreported = None


def _named(loss: _Loss) -> list[RegionReading]:
    """Return readings that report what was lost, in place of the first lost one."""
    error = f"history: the readings of {loss.pictures} pictures are lost: {loss.reason}"
    return [replace(one, text="", confidences=(), error=error) for one in loss.first]
