"""Cameras: programs that write pictures, and pictures that are replayed.

A camera is started, asked for its newest picture, and stopped; what happens when it fails is the
business of ``mnist_edge.monitoring.camera_keeper``.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Protocol

from PIL import Image

from mnist_edge.errors import InvalidValue, MissingDependency, PictureNotFound
from mnist_edge.monitoring.clock import Clock
from mnist_edge.monitoring.demo_counter import CYCLE, DIGITS, draw_counter, picture_at
from mnist_edge.monitoring.mjpeg import FrameSplitter
from mnist_edge.monitoring.rules import RuleSettings
from mnist_edge.monitoring.settings import CameraSettings
from mnist_edge.preprocessing.decoding import SUFFIXES
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.subprocesses import describe_exit
from mnist_edge.system.text import escape_controls, one_line

_PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsp,rtsps,srtp,rtp,udp,tcp,tls,crypto",
    "http": "http,tcp",
    "https": "https,http,tls,crypto,tcp",
}
"""What ffmpeg may use for an address: a stream cannot lead it to files of this machine."""
_END_SECONDS = 2.0
"""Time in which a program may end by itself after SIGTERM."""
_CHUNK = 1 << 16
_LAST_BYTES = 2000
"""Bytes of a program's messages that are kept: it may write endlessly."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A picture of a camera."""

    content: bytes
    """The picture, encoded."""
    at: float
    """When it arrived, by the monotonic clock."""


class CameraFailed(Exception):
    """A camera cannot be started; the message says why."""


class Camera(Protocol):
    """Gives pictures from its start to its stop, and may be started again."""

    def start(self) -> None:
        """Start it.

        Raises:
            CameraFailed: it cannot be started now.
        """

    def newest(self) -> Frame | None:
        """Return its newest picture since the start; None if there is none yet."""

    def end(self) -> str | None:
        """Return why it gives no more pictures; None as long as it may."""

    def advance(self) -> None:
        """Take note that its newest picture was read: one that replays pictures goes on."""

    def stop(self) -> None:
        """Stop it."""


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """Return the camera of an address, not yet started.

    Raises:
        InvalidValue: it is no address of a camera.
        PictureNotFound: the folder of ``demo:`` is not there, or has no pictures.
        MissingDependency: the program that the camera needs is not installed.
    """
    address = settings.address
    kind, colon, rest = address.partition(":")
    if kind == "demo" and colon:
        return DemoCamera(Path(rest) if rest else None, clock)
    if address == "rpicam":
        return ProgramCamera(_rpicam_command(settings), clock)
    if address.startswith("/dev/") or kind in _PROTOCOLS:
        return ProgramCamera(_ffmpeg_command(settings, kind), clock)
    raise InvalidValue(
        f"camera {address!r}: expected rpicam, a device such as /dev/video0, an rtsp:// or http:// "
        "address, demo: or demo:FOLDER"
    )


def picture_count(camera: Camera) -> int:
    """Return how many pictures show all that a camera has: one, or all of a demo."""
    return camera.length if isinstance(camera, DemoCamera) else 1


def go_on_after(camera: Camera, value: Decimal, rules: RuleSettings) -> None:
    """Let the drawn counter go on after the value that was read last, as one of iron does.

    Other cameras show what they show.

    Args:
        camera: not yet started.
        value: of a region.
        rules: of the same region.
    """
    if isinstance(camera, DemoCamera):
        camera.go_on_after(int(value.scaleb(rules.decimals)), rules.digits or DIGITS)


class DemoCamera:
    """Replays the pictures of a folder, in the order of their names and again; or draws a counter.

    Args:
        folder: with the pictures; None for the drawn counter.
        clock: for the time of each.

    Raises:
        PictureNotFound: the folder is not there, or has no pictures.
    """

    def __init__(self, folder: Path | None, clock: Clock) -> None:
        self._clock = clock
        self._number = 0
        self._drawn: tuple[int, bytes] = (-1, b"")
        self._paths: list[Path] = []
        if folder is not None:
            with suppress(OSError):
                self._paths = sorted(
                    one for one in folder.iterdir() if one.suffix.lower() in SUFFIXES
                )
            if not self._paths:
                raise PictureNotFound(f"no pictures in {folder}; name a folder that has some")

    @property
    def length(self) -> int:
        """Number of pictures before they, or the faults of the counter, come again."""
        return len(self._paths) or CYCLE

    def go_on_after(self, shown: int, digits: int) -> None:
        """Let the drawn counter show the next number first; pictures of a folder begin anew.

        Args:
            shown: the number, or its last digits.
            digits: how many.
        """
        if not self._paths:
            self._number = (shown + 1 - picture_at(0).value) % 10**digits

    def start(self) -> None:
        """Go on where it stopped."""

    def newest(self) -> Frame | None:
        """Return the picture that is shown now."""
        if self._drawn[0] != self._number:
            self._drawn = self._number, self._picture(self._number)
        return Frame(content=self._drawn[1], at=self._clock.monotonic())

    def end(self) -> str | None:
        """Return None: it never ends."""
        return None

    def advance(self) -> None:
        """Show the next picture."""
        self._number += 1

    def stop(self) -> None:
        """Stay where it is."""

    def _picture(self, number: int) -> bytes:
        if self._paths:
            path = self._paths[number % len(self._paths)]
            with suppress(OSError):
                return read_regular_file(path)
            return b""
        shown = picture_at(number)
        # A picture that is stuck is the one before it, with its noise.
        pixels = draw_counter(shown, seed=shown.drawn)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=90)
        return stream.getvalue()


class ProgramCamera:
    """A program that writes JPEG pictures to its standard output, one after another.

    It is ended with everything that it started. Where there is ``setpriv`` (util-linux), the system
    ends it if this process is killed; elsewhere it ends at the next picture that nobody takes.

    Args:
        command: its words.
        clock: for the time of each picture.
    """

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._command, self._clock = list(command), clock
        self._program = os.path.basename(command[0])  # noqa: PTH119
        self._child: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._newest: Frame | None = None
        self._messages = b""

    def start(self) -> None:
        """Start the program.

        Raises:
            CameraFailed: the system cannot start it.
        """
        self.stop()
        words = self._command
        if guard := shutil.which("setpriv"):
            words = [guard, "--pdeathsig", "KILL", "--", *words]
        self._newest, self._messages = None, b""
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise CameraFailed(f"{self._program} cannot be started: {error.strerror}") from error
        self._child = child
        self._threads = [
            threading.Thread(target=work, args=(stream,), daemon=True)
            for work, stream in (
                (self._collect_pictures, child.stdout),
                (self._collect_messages, child.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    def newest(self) -> Frame | None:
        """Return the newest picture since the start."""
        with self._lock:
            return self._newest

    def end(self) -> str | None:
        """Return how the program ended, with its last words; None as long as it runs."""
        if self._child is None or self._child.poll() is None:
            return None
        for thread in self._threads:
            thread.join(_END_SECONDS)
        words = escape_controls(one_line(self._messages.decode(errors="replace")))
        said = f": {words[-300:]}" if words else ""
        return f"{self._program} ended with {describe_exit(self._child.returncode)}{said}"

    def advance(self) -> None:
        """Do nothing: the next picture is already on its way."""

    def stop(self) -> None:
        """End the program and what it started."""
        child, self._child = self._child, None
        if child is None:
            return
        _signal_group(child, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_SECONDS)
        # What it started may still run, and hold its pipes.
        _signal_group(child, signal.SIGKILL)
        child.wait()
        for thread in self._threads:
            thread.join(_END_SECONDS)
        for stream in (child.stdout, child.stderr):
            if stream:
                stream.close()

    def _collect_pictures(self, stream: IO[bytes]) -> None:
        splitter = FrameSplitter()
        with suppress(OSError, ValueError):
            while chunk := stream.read(_CHUNK):
                for content in splitter.feed(chunk):
                    frame = Frame(content=content, at=self._clock.monotonic())
                    with self._lock:
                        self._newest = frame

    def _collect_messages(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while chunk := stream.read(_CHUNK):
                self._messages = (self._messages + chunk)[-_LAST_BYTES:]


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    """Signal a child and everything that it started in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _rpicam_command(settings: CameraSettings) -> list[str]:
    program = shutil.which("rpicam-vid") or shutil.which("libcamera-vid")
    if not program:
        raise MissingDependency(
            "the camera needs rpicam-vid, which is not installed: sudo apt install rpicam-apps"
        )
    words = [program, "--nopreview", "--timeout", "0", "--codec", "mjpeg", "--flush"]
    words += ["--framerate", f"{settings.frames_per_second:g}"]
    if settings.size:
        words += ["--width", str(settings.size[0]), "--height", str(settings.size[1])]
    return [*words, *settings.options, "--output", "-"]


def _ffmpeg_command(settings: CameraSettings, kind: str) -> list[str]:
    program = shutil.which("ffmpeg")
    if not program:
        raise MissingDependency(
            f"camera {settings.address} needs ffmpeg, which is not installed: sudo apt install "
            "ffmpeg"
        )
    words = [program, "-hide_banner", "-nostdin", "-loglevel", "error"]
    # Some streams claim a rate that they do not have.
    words += ["-use_wallclock_as_timestamps", "1"]
    if kind in _PROTOCOLS:
        words += ["-protocol_whitelist", _PROTOCOLS[kind]]
        if kind == "rtsp":
            words += ["-rtsp_transport", "tcp"]
    else:
        words += ["-f", "v4l2"]
        if settings.size:
            words += ["-video_size", f"{settings.size[0]}x{settings.size[1]}"]
    words += [*settings.options, "-i", settings.address, "-an", "-sn", "-dn"]
    # Frames are left out, and never repeated: a repeated one would look like a frozen camera.
    interval = 1 / settings.frames_per_second
    select = f"select=isnan(prev_selected_t)+gte(t-prev_selected_t\\,{interval:g})"
    words += ["-vf", select, "-fps_mode", "vfr"]
    return [*words, "-c:v", "mjpeg", "-q:v", "2", "-f", "image2pipe", "-"]
