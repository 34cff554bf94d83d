"""The loop of a watch: a picture, its regions, their digits, the values, and where they go."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from PIL import Image

from mnist_edge.errors import PictureError, ProgramFailed
from mnist_edge.inference.classifier import CLEAR_CONFIDENCE, Classifier
from mnist_edge.inference.unsure_pictures import UnsurePictures
from mnist_edge.monitoring.alignment import NotAligned
from mnist_edge.monitoring.camera_keeper import CameraKeeper
from mnist_edge.monitoring.change import ChangeDetector
from mnist_edge.monitoring.clock import Clock
from mnist_edge.monitoring.light import Light
from mnist_edge.monitoring.picture_reader import PictureReader, PixelArray
from mnist_edge.monitoring.readings import UNREAD, RegionReading
from mnist_edge.monitoring.recording import Recording
from mnist_edge.monitoring.regions import read_region
from mnist_edge.monitoring.settings import MonitorSettings

_TICK = 1.0
"""Seconds, at most, between two looks after the camera."""
_PICTURE_TICK = 0.1
"""Seconds between two looks for a picture that is waited for."""

Pause = Callable[[float], bool]
"""Waits for some seconds, and returns whether to go on."""


class Monitor:
    """Reads the regions of a camera's pictures, by the schedule.

    Args:
        settings: what to read, and when.
        classifier: reads the digits.
        keeper: has the camera.
        clock: all times are of it.
        recording: makes values of the digits, and keeps them.
        warn: receives each problem that does not end the watch.
        unsure: keeps the regions that are not read surely.
        asked: another thread sets it to ask for a reading now.

    Raises:
        InvalidValue: a region or a mark is outside the reference picture.
        PictureError: the reference picture cannot be read.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        classifier: Classifier,
        keeper: CameraKeeper,
        clock: Clock,
        recording: Recording,
        *,
        warn: Callable[[str], None],
        unsure: UnsurePictures | None = None,
        asked: threading.Event | None = None,
    ) -> None:
        self._unsure = unsure
        self._settings, self._classifier = settings, classifier
        self._keeper, self._clock = keeper, clock
        self._recording, self._warn = recording, warn
        self._light = Light(settings.camera.light_command)
        self._reader = PictureReader(settings)
        self._change = ChangeDetector(settings.schedule.change)
        self._due = self._read_at = clock.monotonic()
        self._alike = 0
        """Number of readings in a row of regions that looked alike."""
        self._problem: str | None = None
        """The problem that was recorded last; None after a picture that was read."""
        self._has_told_problem = False
        """Whether a failure of the camera was warned of that lasts."""
        self._reading_id = ""
        self._asked = asked or threading.Event()

    @property
    def pictures(self) -> int:
        """Number of pictures that were looked at."""
        return self._reader.pictures

    def run(self, pause: Pause, *, count: int | None = None) -> None:
        """Read pictures until it is ended.

        Args:
            pause: as in ``Pause``; a Ctrl-C or a SIGTERM ends its wait.
            count: number of pictures after which to end.

        Raises:
            InvalidValue: a region is outside the picture.
            InvalidHistory: the history is damaged.
        """
        if self._light:
            # A watch that was killed may have left it on.
            self._switch_light(on=False)
        try:
            while count is None or self.pictures < count:
                is_due = self._clock.monotonic() >= self._due
                asked = self._asked.is_set()
                self._asked.clear()
                is_quiet = self._is_quiet() and not asked
                if is_quiet:
                    self._keeper.close()
                elif self._settings.camera.keep_open:
                    self._keeper.open()
                if not is_quiet and (is_due or asked or self._is_new_trouble()):
                    self.read(pause, asked=asked)
                if is_due:
                    self._due = max(
                        self._due + self._settings.schedule.every, self._clock.monotonic()
                    )
                self._keeper.tend()
                self._tell_camera_problem()
                wait = min(_TICK, self._due - self._clock.monotonic())
                if not pause(max(0.0, wait)):
                    return
        finally:
            self._keeper.close()

    def read(self, pause: Pause, *, asked: bool = False) -> None:
        """Take a picture, and read it if it is to be read.

        Args:
            pause: as in ``Pause``.
            asked: read it even if nothing has changed.
        """
        try:
            picture = self._take_picture(pause)
            if picture is None:
                return
            crops = self._reader.regions(picture)
            # A large one takes as much memory as reading its regions does.
            del picture
        except _Trouble as trouble:
            self._record_problem(f"camera: {trouble}")
            return
        except NotAligned as error:
            self._record_problem(f"alignment: {error}")
            return
        finally:
            self._keeper.advance()
        if self._is_alike(crops) and not asked:
            return
        now, reading_id = self._name_reading()
        self._change.remember(crops)
        self._read_at, self._problem = self._clock.monotonic(), None
        seen = [
            read_region(
                crops[region.name], region, self._classifier, time=now, reading_id=reading_id
            )
            for region in self._settings.regions
        ]
        self._record(seen, crops)
        if self._unsure:
            self._keep_unsure(self._unsure, seen, crops)

    def _take_picture(self, pause: Pause) -> PixelArray | None:
        """Take a picture now and return it; None if the watch is to end.

        Raises:
            _Trouble: there is none.
        """
        camera = self._settings.camera
        self._keeper.open()
        try:
            after = self._clock.monotonic()
            if self._light:
                self._switch_light(on=True)
                after = self._clock.monotonic() + camera.light_time
            deadline = after + camera.no_picture_after + camera.warm_up
            while (frame := self._keeper.newest(after)) is None:
                if self._is_in_trouble() or self._clock.monotonic() > deadline:
                    raise _Trouble(self._keeper.problem or "no picture")
                if not pause(_PICTURE_TICK):
                    return None
        finally:
            if self._light:
                self._switch_light(on=False)
            if not camera.keep_open:
                self._keeper.close()
        try:
            return self._reader.decode(frame.content)
        except PictureError as error:
            self._keeper.reject("a picture that cannot be read")
            raise _Trouble(str(error)) from error

    def _tell_camera_problem(self) -> None:
        """Warn when the camera begins to fail, and say when it works again."""
        if self._keeper.problem and not self._has_told_problem:
            self._warn(f"camera: {self._keeper.problem}; it is started again and again")
            self._has_told_problem = True
        elif self._has_told_problem and self._keeper.is_healthy:
            self._warn("camera: it works again")
            self._has_told_problem = False

    def _is_in_trouble(self) -> bool:
        """Check whether the camera has had no good picture for too long."""
        since = self._clock.monotonic() - self._keeper.problem_since
        return self._keeper.problem is not None and since >= self._settings.camera.no_picture_after

    def _is_new_trouble(self) -> bool:
        """Check whether the camera fails or works again, which is recorded at once."""
        if self._problem is None:
            return self._is_in_trouble()
        return self._problem.startswith("camera:") and self._keeper.is_healthy

    def _is_quiet(self) -> bool:
        local = self._clock.now().astimezone()
        return self._settings.schedule.is_quiet(local.time())

    def _is_alike(self, crops: Mapping[str, PixelArray]) -> bool:
        """Check whether the regions can be skipped: unchanged, and read recently enough."""
        schedule = self._settings.schedule
        if not schedule.on_change:
            return False
        if self._change.has_changed(crops):
            self._alike = 0
            return False
        self._alike += 1
        # A rule may want several equal readings before a change counts.
        needed = max((one.rules.equal_readings for one in self._settings.regions), default=1)
        is_old = self._clock.monotonic() - self._read_at >= schedule.at_least_every
        return self._problem is None and self._alike >= needed and not is_old

    def _record_problem(self, problem: str) -> None:
        """Record that nothing could be read: at first, and then from time to time."""
        now = self._clock.monotonic()
        is_old = now - self._read_at >= self._settings.schedule.at_least_every
        kinds = {one.partition(":")[0] for one in (problem, self._problem or "")}
        if len(kinds) == 1 and not is_old:
            return
        self._problem, self._read_at = problem, now
        time, reading_id = self._name_reading()
        self._record(
            [
                RegionReading(
                    region=region.name, time=time, reading_id=reading_id, text="", error=problem
                )
                for region in self._settings.regions
            ],
            {},
        )

    def _record(self, seen: Sequence[RegionReading], crops: Mapping[str, PixelArray]) -> None:
        if not self._recording.record(seen, _EncodedCrops(crops)):
            # The next picture is read even if it looks the same, and a problem is recorded again.
            self._problem = "history: not recorded"

    def _keep_unsure(
        self,
        unsure: UnsurePictures,
        seen: Sequence[RegionReading],
        crops: Mapping[str, PixelArray],
    ) -> None:
        """Keep the regions of a picture that were not read surely."""
        for region, one in zip(self._settings.regions, seen, strict=True):
            if UNREAD in one.text or any(c < CLEAR_CONFIDENCE for c in one.confidences):
                pixels, name = crops[one.region], f"{one.region} {one.reading_id}"
                page = self._classifier.predict_all(pixels, ink=region.ink)
                unsure.keep(_encode(pixels), page, self._classifier, name=name)

    def _name_reading(self) -> tuple[datetime, str]:
        """Return the time, and a name that no other reading has, even if the time is set back."""
        now = self._clock.now()
        name = f"{now:%Y%m%dT%H%M%S.%fZ}"
        if name <= self._reading_id:
            name = f"{self._reading_id}+"
        self._reading_id = name
        return now, name

    def _switch_light(self, *, on: bool) -> None:
        try:
            self._light.switch(on=on)
        except ProgramFailed as error:
            self._warn(str(error))


class _Trouble(Exception):
    """There is no picture; the message says why."""


class _EncodedCrops(Mapping[str, bytes]):
    """The pictures of regions as PNG, each encoded on demand, which is rare."""

    def __init__(self, crops: Mapping[str, PixelArray]) -> None:
        self._crops = crops
        self._encoded: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._encoded:
            self._encoded[name] = _encode(self._crops[name])
        return self._encoded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._crops)

    def __len__(self) -> int:
        return len(self._crops)


def _encode(pixels: PixelArray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
