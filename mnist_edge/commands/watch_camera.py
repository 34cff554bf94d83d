"""``mnist-edge watch --camera`` and ``--config``: reads a display that a camera looks at."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mnist_edge.commands.console import note, warn
from mnist_edge.errors import InvalidValue

if TYPE_CHECKING:
    from mnist_edge.inference.unsure_pictures import UnsurePictures
    from mnist_edge.monitoring.monitor import Pause
    from mnist_edge.monitoring.readings import ValueReading
    from mnist_edge.monitoring.settings import MonitorSettings

DEFAULT_CONFIG = Path("watch.toml")
"""What ``--init`` writes by default."""
_BEAT_INTERVAL = 5.0
"""Seconds between two messages to systemd's watchdog."""


def write_config(config: Path | None, camera: str | None) -> None:
    """Write a file of settings with every key explained.

    Raises:
        InvalidValue: there is one.
    """
    from mnist_edge.monitoring.settings import demo_settings
    from mnist_edge.monitoring.settings_file import save_settings

    path = config or DEFAULT_CONFIG
    if path.exists():
        raise InvalidValue(f"{path} exists; move it away, or name another file by --config")
    settings = demo_settings()
    if camera:
        settings = replace(settings, camera=replace(settings.camera, address=camera, warm_up=3.0))
    save_settings(path, settings)
    note(f"wrote {path}; edit it, or draw the regions by mnist-edge serve --config {path}")


def camera_settings(
    config: Path | None,
    *,
    camera: str | None,
    every: str | None,
    on_change: bool | None,
    light_command: str | None,
    history: Path | None,
    model: str | None,
) -> "MonitorSettings":
    """Return the settings of a file, or those of a first try, with the options' changes.

    Raises:
        InvalidValue: one is outside its range, or the file cannot be read.
    """
    from mnist_edge.monitoring.clock import parse_duration
    from mnist_edge.monitoring.history import HistorySettings
    from mnist_edge.monitoring.settings import (
        CameraSettings,
        MonitorSettings,
        RegionSettings,
        demo_settings,
        history_settings,
        load_monitor_settings,
    )

    if config:
        settings = load_monitor_settings(config)
    elif camera == "demo:":
        settings = demo_settings()
    else:
        settings = MonitorSettings(
            camera=CameraSettings(address=camera or "demo:"),
            regions=(RegionSettings(name="picture"),),
        )
    changes: dict[str, dict[str, object]] = {
        "camera": {"address": camera, "light_command": light_command},
        "schedule": {
            "every": None if every is None else parse_duration(every),
            "on_change": on_change,
        },
    }
    for table, keys in changes.items():
        given = {key: value for key, value in keys.items() if value is not None}
        settings = replace(settings, **{table: replace(getattr(settings, table), **given)})
    if history:
        kept = history_settings(settings, config) or HistorySettings()
        settings = replace(settings, history=replace(kept, path=history))
    return replace(settings, model=model or settings.model)


def watch_camera(
    settings: "MonitorSettings",
    config: Path | None,
    *,
    min_confidence: float | str | None,
    out: Path,
    once: bool,
    unsure: "UnsurePictures | None",
    pause: "Pause",
) -> int:
    """Read what the camera shows until the end is asked for.

    Args:
        settings: of the watch.
        config: their file, beside which the readings are kept; None if there is none.
        min_confidence: instead of the settings'.
        out: where the readings go as JSON lines; ``-`` for standard output.
        once: read one picture, or all of a demo, and end.
        unsure: keeps the regions that are not read surely.
        pause: waits, and returns whether to go on.

    Returns:
        Number of readings without a value.
    """
    from mnist_edge.commands.predict_pictures import warn_about
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.monitoring.camera_keeper import CameraKeeper
    from mnist_edge.monitoring.cameras import go_on_after, open_camera, picture_count
    from mnist_edge.monitoring.clock import SystemClock
    from mnist_edge.monitoring.history import History
    from mnist_edge.monitoring.monitor import Monitor
    from mnist_edge.monitoring.recording import Recorder, Recording, Unrecorded
    from mnist_edge.monitoring.sending import open_publishers, sending
    from mnist_edge.monitoring.service_manager import notify_systemd
    from mnist_edge.monitoring.settings import history_settings
    from mnist_edge.system.text import hide_passwords

    if not settings.regions:
        raise InvalidValue(
            f"{config} has no [[region]]; draw some by mnist-edge serve --config {config}"
        )
    clock = SystemClock()
    camera = open_camera(settings.camera, clock)
    if min_confidence is None:
        min_confidence = settings.min_confidence
    classifier = Classifier(settings.model, min_confidence=min_confidence)
    warn_about(classifier)
    history = history_settings(settings, config)
    keeper = CameraKeeper(camera, settings.camera, clock)
    asked = threading.Event()
    failed = 0
    with ExitStack() as stack:
        write = stack.enter_context(_open_lines(out))
        publishers = open_publishers(settings, asked.set)
        recorder: Recorder = Unrecorded()
        wake: Callable[[], None] | None = None
        if history:
            recorder = stack.enter_context(closing(History(history)))
            wake = stack.enter_context(sending(publishers, history, clock, warn=warn))
            for region in settings.regions:
                if (value := recorder.state(region.name).value) is not None:
                    go_on_after(camera, value, region.rules)

        def report(readings: "Sequence[ValueReading]") -> None:
            nonlocal failed
            for reading in readings:
                write(reading)
                failed += reading.error is not None
            if wake:
                wake()

        recording = Recording(
            settings.regions, recorder, publishers=publishers, report=report, warn=warn
        )
        monitor = Monitor(
            settings, classifier, keeper, clock, recording, warn=warn, unsure=unsure, asked=asked
        )
        note(f"watching {hide_passwords(settings.camera.address)}")
        notify_systemd("READY=1")
        monitor.run(_with_heartbeat(pause), count=picture_count(camera) if once else None)
        notify_systemd("STOPPING=1")
    note(f"{monitor.pictures} pictures, {failed} readings without a value")
    return failed


class _NoPaths:
    """Remembers nothing, since ids of readings are never used again."""

    def add(self, path: str) -> None:
        """Forget it."""

    def __contains__(self, path: object) -> bool:
        return False

    def __len__(self) -> int:
        return 0


@contextmanager
def _open_lines(out: Path) -> "Iterator[Callable[[ValueReading], None]]":
    """Write readings as JSON lines, to a file or to standard output."""
    from mnist_edge.inference.results_log import open_results_log
    from mnist_edge.monitoring.readings import reading_document

    if str(out) == "-":
        yield lambda reading: typer.echo(json.dumps(reading_document(reading)))
        return
    with open_results_log(out, _NoPaths(), warn=warn) as results_log:
        yield lambda reading: results_log.append(
            {"path": f"{reading.reading_id}/{reading.region}", **reading_document(reading)}
        )


def _with_heartbeat(pause: "Pause") -> "Pause":
    """Return a pause that tells systemd's watchdog that the loop runs."""
    from mnist_edge.monitoring.service_manager import notify_systemd

    beaten = 0.0

    def paused(seconds: float) -> bool:
        nonlocal beaten
        if (now := time.monotonic()) - beaten >= _BEAT_INTERVAL:
            beaten = now
            notify_systemd("WATCHDOG=1")
        return pause(seconds)

    return paused
