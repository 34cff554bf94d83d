"""The settings of a watch of a camera: the tables and keys of its TOML file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Literal, TypeAlias

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.clock import Duration
from mnist_edge.monitoring.demo_counter import COUNTER_BOX, DIGITS
from mnist_edge.monitoring.history import HistorySettings
from mnist_edge.monitoring.publishers.influx import InfluxSettings
from mnist_edge.monitoring.publishers.mqtt import MqttSettings
from mnist_edge.monitoring.publishers.webhook import WebhookSettings
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.settings_file import load_settings
from mnist_edge.preprocessing.flat_background import Ink

Point: TypeAlias = tuple[float, float]
"""Column and row in pixels."""
RegionBox: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are exclusive."""

MIN_SIDE = 8
"""Pixels of the shortest side of a region or a mark."""
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
"""A region's name is part of MQTT topics and of Home Assistant's identifiers."""


def require_box(name: str, box: RegionBox) -> None:
    """Check that a box has an area, and begins within a picture.

    Raises:
        InvalidValue: it has none.
    """
    left, top, right, bottom = box
    if left < 0 or top < 0 or right - left < MIN_SIDE or bottom - top < MIN_SIDE:
        raise InvalidValue(
            f"{name}: {list(box)}: expected left, top, right and bottom in pixels, at least "
            f"{MIN_SIDE} apart"
        )


def require_region_name(name: str) -> None:
    """Check that a region's name can be part of a topic and of an identifier.

    Raises:
        InvalidValue: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValue(f"name: {name!r}: expected letters, digits, - and _, at most 63")


def _turn(before: Point, at: Point, after: Point) -> float:
    """Return twice the area of a corner's triangle; negative if it turns counterclockwise."""
    (x, y), (u, v) = (
        (at[0] - before[0], at[1] - before[1]),
        (after[0] - at[0], after[1] - at[1]),
    )
    return x * v - y * u


def _require(value: object, message: str) -> None:
    if not value:
        raise InvalidValue(message)


def _require_range(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidValue(f"{name}: {value:g} is outside {low:g}..{high:g}")


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """The camera, its light, and what counts as a failure of it."""

    address: str = field(
        metadata={
            "help": "Where the pictures come from: rpicam (the camera of a Raspberry Pi), a device "
            "such as /dev/video0, an address (rtsp://, rtsps://, http:// or https://), demo: (a "
            "drawn counter) or demo:FOLDER (its pictures in turn). Devices and addresses need "
            "ffmpeg.",
            "example": '"rpicam"',
        }
    )
    size: tuple[int, int] | None = field(
        default=None,
        metadata={
            "help": "Width and height to ask the camera for, at most 17 megapixels; by default its "
            "own.",
            "example": "[1280, 720]",
        },
    )
    frames_per_second: float = field(
        default=2.0,
        metadata={"help": "Pictures a second to ask for. Few are enough: the newest one is read."},
    )
    turn: Literal[0, 90, 180, 270] = field(
        default=0,
        metadata={"help": "Degrees by which to turn the picture clockwise before anything else."},
    )
    options: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Further options of rpicam-vid, or of ffmpeg for its input, as a list of words."
        },
    )
    keep_open: bool = field(
        default=True,
        metadata={
            "help": "Whether the camera runs between two readings. If not, it is started for each "
            "one, which "
            "spares power; an address that answers with a single picture needs false."
        },
    )
    warm_up: Duration = field(
        default=3.0,
        metadata={
            "help": "Time after a start of the camera in which exposure and white balance settle."
        },
    )
    no_picture_after: Duration = field(
        default=20.0,
        metadata={
            "help": "Time without a picture after which the camera counts as failed and is "
            "restarted."
        },
    )
    frozen_after: Duration = field(
        default=45.0,
        metadata={
            "help": "Time after which pictures that are the same byte for byte are a failure: a "
            "sensor's "
            "noise never repeats. 0 for a source whose pictures may repeat."
        },
    )
    light_command: str = field(
        default="",
        metadata={
            "help": "Program that switches a light; it is called with the word on before a "
            "picture is taken, "
            "and with off afterwards."
        },
    )
    light_time: Duration = field(
        default=2.0,
        metadata={
            "help": "Time between switching the light on and the picture: exposure has to settle "
            "again."
        },
    )

    def __post_init__(self) -> None:
        _require(self.address, "address: write where the pictures come from, such as rpicam")
        if self.size and not all(16 <= side <= 10_000 for side in self.size):
            raise InvalidValue(f"size: {list(self.size)} is outside 16..10000")
        _require_range("frames_per_second", self.frames_per_second, 0.1, 60)
        _require_range("warm_up", self.warm_up, 0, 300)
        _require_range("no_picture_after", self.no_picture_after, 1, 55)
        _require_range("light_time", self.light_time, 0, 60)
        if self.frozen_after:
            _require_range("frozen_after", self.frozen_after, 2, 55)


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """When pictures are read."""

    every: Duration = field(default=10.0, metadata={"help": "Time between two readings."})
    on_change: bool = field(
        default=False,
        metadata={
            "help": "Whether a picture whose regions look as at the last reading is not read again."
        },
    )
    change: float = field(
        default=8.0,
        metadata={
            "help": "Change of brightness, of 255, in any part of a region that counts as one; "
            "noise and "
            "slow changes of the light stay below."
        },
    )
    at_least_every: Duration = field(
        default=600.0,
        metadata={"help": "Time after which a picture is read even if nothing has changed."},
    )
    quiet: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": 'Times of the day, local time, without readings, such as ["22:00-06:00"].'
        },
    )

    def __post_init__(self) -> None:
        _require_range("every", self.every, 0.05, 7 * 86_400)
        _require_range("at_least_every", self.at_least_every, 1, 7 * 86_400)
        _require_range("change", self.change, 0.5, 255)
        for text in self.quiet:
            if not _QUIET.fullmatch(text):
                raise InvalidValue(f"quiet: {text!r}: expected hours such as 22:00-06:00")

    def is_quiet(self, now: time) -> bool:
        """Return whether a local time lies in the quiet hours; they may go over midnight."""
        for text in self.quiet:
            first, last = (time.fromisoformat(part) for part in text.split("-"))
            if first <= now < last if first <= last else now >= first or now < last:
                return True
        return False


@dataclass(frozen=True, kw_only=True)
class AlignmentSettings:
    """Marks by which each picture is brought to the place of a reference picture."""

    reference: Path = field(
        metadata={
            "help": "A picture of the camera; boxes and corners are in its pixels.",
            "example": '"reference.jpg"',
        }
    )
    marks: tuple[RegionBox, ...] = field(
        metadata={
            "help": "Two or more parts of the reference that look like no other and never change, "
            "such as screws or printed words, each as left, top, right and bottom. The farther "
            "apart, the better.",
            "example": "[[40, 40, 90, 90], [560, 300, 610, 350]]",
        }
    )
    max_shift: float = field(
        default=60.0, metadata={"help": "Pixels by which a mark may be away from its place."}
    )
    max_rotation: float = field(
        default=10.0, metadata={"help": "Degrees by which the picture may be turned."}
    )
    max_scale: float = field(
        default=0.15, metadata={"help": "Share by which the picture may be larger or smaller."}
    )
    min_similarity: float = field(
        default=0.6,
        metadata={
            "help": "How alike a mark and what is found must be, 0..1 (their normalized "
            "correlation)."
        },
    )

    def __post_init__(self) -> None:
        if len(self.marks) < 2:
            raise InvalidValue("marks: two or more are needed to tell rotation and scale")
        for number, mark in enumerate(self.marks, 1):
            require_box(f"marks.{number}", mark)
        _require_range("max_shift", self.max_shift, 1, 2000)
        _require_range("max_rotation", self.max_rotation, 0, 30)
        _require_range("max_scale", self.max_scale, 0, 0.3)
        _require_range("min_similarity", self.min_similarity, 0.2, 1)


@dataclass(frozen=True, kw_only=True)
class RegionSettings:
    """A part of the picture that shows a number."""

    name: str = field(
        metadata={
            "help": "Its name, in topics and results: letters, digits, - and _.",
            "example": '"counter"',
        }
    )
    box: RegionBox | None = field(
        default=None,
        metadata={
            "help": "Left, top, right and bottom in pixels; by default the whole picture. Around "
            "digits that stand close "
            "together, as on the drums of a counter, it ends where the first and the last drum do.",
            "example": "[48, 96, 592, 180]",
        },
    )
    corners: tuple[Point, Point, Point, Point] | None = field(
        default=None,
        metadata={
            "help": "Instead of a box, its corners in the order upper left, upper right, lower "
            "right, lower left: what is seen from the side is straightened.",
            "example": "[[48, 96], [592, 100], [590, 184], [46, 180]]",
        },
    )
    ink: Ink | None = field(
        default=None,
        metadata={
            "help": "Whether the digits are darker or lighter than what they are on, if you know; "
            "by default each picture tells it.",
            "example": '"light"',
        },
    )
    rules: RuleSettings = field(
        default=RuleSettings(),
        metadata={"help": "What its digits mean, and which values can be true."},
    )

    def __post_init__(self) -> None:
        require_region_name(self.name)
        if self.box and self.corners:
            raise InvalidValue(f"region {self.name}: give either box or corners")
        if self.box:
            require_box("box", self.box)
        corners = self.outline()
        for number, at in enumerate(corners):
            before, after = corners[number - 1], corners[(number + 1) % len(corners)]
            if _turn(before, at, after) < MIN_SIDE**2 / 2:
                raise InvalidValue(
                    f"corners: {[list(one) for one in corners]}: expected upper left, upper right, "
                    "lower right, lower left"
                )

    def outline(self) -> list[Point]:
        """Return its corners: upper left, upper right, lower right and lower left.

        There are none if it is the whole picture.
        """
        if self.box is None:
            return list(self.corners or ())
        left, top, right, bottom = self.box
        return [(left, top), (right, top), (right, bottom), (left, bottom)]


@dataclass(frozen=True, kw_only=True)
class MonitorSettings:
    """All the settings of a watch of a camera."""

    model: str | None = field(
        default=None,
        metadata={
            "help": "Model that reads the digits: a shipped or installed one's name, or a path.",
            "example": '"edge"',
        },
    )
    min_confidence: float | None = field(
        default=None,
        metadata={
            "help": "Confidence below which a digit is not read, 0..1; by default the model's.",
            "example": "0.9",
        },
    )
    camera: CameraSettings = field(metadata={"help": "The camera and its light."})
    schedule: ScheduleSettings = field(
        default=ScheduleSettings(), metadata={"help": "When pictures are read."}
    )
    alignment: AlignmentSettings | None = field(
        default=None,
        metadata={"help": "Marks by which a camera that moves a little is followed."},
    )
    regions: tuple[RegionSettings, ...] = field(
        default=(), metadata={"help": "A part of the picture that shows a number.", "key": "region"}
    )
    history: HistorySettings | None = field(
        default=None,
        metadata={
            "help": "The file that the readings are kept in, with what the rules know of each "
            "region, and what could not be sent yet."
        },
    )
    mqtt: MqttSettings | None = field(
        default=None, metadata={"help": "The broker that the readings are sent to."}
    )
    webhook: WebhookSettings | None = field(
        default=None, metadata={"help": "The address that the readings are posted to."}
    )
    influx: InfluxSettings | None = field(
        default=None, metadata={"help": "The InfluxDB that the readings are written to."}
    )

    def __post_init__(self) -> None:
        if self.min_confidence is not None:
            _require_range("min_confidence", self.min_confidence, 0, 1)
        names = [region.name for region in self.regions]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InvalidValue(f"region: two are called {min(twice)!r}; give each its own name")


def load_monitor_settings(path: Path) -> MonitorSettings:
    """Read the file of settings of a watch; paths in it start from its folder.

    Raises:
        InvalidValue: it cannot be read, or a setting is wrong.
    """
    return load_settings(path, MonitorSettings)


def history_settings(settings: MonitorSettings, config: Path | None) -> HistorySettings | None:
    """Return where readings are kept: beside the file of settings if that does not say.

    Args:
        settings: of the watch.
        config: their file; None if there is none.

    Returns:
        None if nothing is kept: there is neither a setting nor a file.
    """
    if settings.history or not config:
        return settings.history
    return HistorySettings(path=config.absolute().parent / HistorySettings().path)


def demo_settings() -> MonitorSettings:
    """Return settings that read the drawn counter, to begin with."""
    return MonitorSettings(
        camera=CameraSettings(address="demo:", warm_up=0.0),
        regions=(
            RegionSettings(
                name="counter",
                box=COUNTER_BOX,
                rules=RuleSettings(
                    digits=DIGITS, only_grows=True, max_step=100.0, digit_carry=True
                ),
            ),
        ),
    )
