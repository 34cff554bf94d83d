"""Send readings to the places that the settings name, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mnist_edge.monitoring.clock import Clock
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.message import Publisher
from mnist_edge.monitoring.sender import Sender
from mnist_edge.monitoring.settings import MonitorSettings

_END_SECONDS = 15.0
"""Time in which a publisher may end what it sends."""


def open_publishers(settings: MonitorSettings, on_command: Callable[[], None]) -> list[Publisher]:
    """Return what sends readings to each place of the settings, not yet connected.

    Args:
        settings: of the watch.
        on_command: called in another thread when a reading is asked for.

    Raises:
        MissingDependency: an extra is not installed.
        InvalidValue: a file of the settings cannot be used.
    """
    publishers: list[Publisher] = []
    if settings.mqtt:
        from mnist_edge.monitoring.publishers.mqtt import MqttPublisher

        regions = {region.name: region.rules for region in settings.regions}
        publishers.append(MqttPublisher(settings.mqtt, regions, on_command))
    if settings.webhook:
        from mnist_edge.monitoring.publishers.webhook import WebhookPublisher

        publishers.append(WebhookPublisher(settings.webhook))
    if settings.influx:
        from mnist_edge.monitoring.publishers.influx import InfluxPublisher

        publishers.append(InfluxPublisher(settings.influx))
    return publishers


@contextmanager
def sending(
    publishers: Sequence[Publisher],
    settings: HistorySettings,
    clock: Clock,
    *,
    warn: Callable[[str], None],
) -> Iterator[Callable[[], None]]:
    """Run a sender for each publisher until the block ends.

    Args:
        publishers: not yet connected.
        settings: of the history that has their messages.
        clock: by which they wait after a failure.
        warn: receives each problem.

    Yields:
        What to call when there is something new to send.
    """
    stop = threading.Event()
    histories = [History(settings) for _ in publishers]
    senders = [
        Sender(history, publisher, clock, warn)
        for history, publisher in zip(histories, publishers, strict=True)
    ]
    threads = [
        threading.Thread(target=one.run, args=(stop,), name=one.name, daemon=True)
        for one in senders
    ]

    def wake() -> None:
        for sender in senders:
            sender.wake()

    for thread in threads:
        thread.start()
    try:
        yield wake
    finally:
        stop.set()
        wake()
        until = time.monotonic() + _END_SECONDS
        for thread, history, sender in zip(threads, histories, senders, strict=True):
            thread.join(max(0.0, until - time.monotonic()))
            if sender.problem:
                warn(f"{sender.name}: what is left is sent at the next start")
            if not thread.is_alive():
                history.close()
