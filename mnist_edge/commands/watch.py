"""``mnist-edge watch``: reads pictures as they arrive, from a folder or a camera."""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import warn
from mnist_edge.commands.options import (
    DEFAULT_KEEP_UNSURE_BYTES,
    AllOption,
    ConfigOption,
    HistoryOption,
    KeepUnsureBytesOption,
    KeepUnsureOption,
    MinConfidenceOption,
    ModelOption,
    RuntimeOption,
)
from mnist_edge.commands.parsing import parse_min_confidence
from mnist_edge.errors import InvalidValue

if TYPE_CHECKING:
    from mnist_edge.inference.unsure_pictures import UnsurePictures

EXAMPLES = """
mnist-edge watch inbox --out results.jsonl
mnist-edge watch --camera demo: --every 1s
mnist-edge watch --config watch.toml
"""
NEEDS = {"--keep-unsure-bytes": "--keep-unsure"}
# A folder and --out are refused with a hint of their own.
USED_WITH = {"--init": ("[FOLDER]", "--out", "--camera", "--config")}

DEFAULT_INTERVAL = 1.0
_POLL_INTERVAL = 0.1
"""Seconds within which a signal is acted upon."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def watch_command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Folder that pictures arrive in.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Results, appended to if the file exists; - prints them, and remembers none.",
            show_default="- for a camera",
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera",
            metavar="ADDRESS",
            help="Camera instead of a folder: rpicam, /dev/video0, rtsp://..., http://..., demo: "
            "or demo:FOLDER.",
        ),
    ] = None,
    config: ConfigOption = None,
    init: Annotated[
        bool,
        typer.Option(
            "--init", help="Write such a file, every key explained, to --config or watch.toml."
        ),
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="TIME",
            help="Time between two pictures of a camera, such as 10s or 5m.",
        ),
    ] = None,
    on_change: Annotated[
        bool, typer.Option("--on-change", help="Skip a picture that looks like the last one read.")
    ] = False,
    light_command: Annotated[
        str | None,
        typer.Option(
            "--light-command",
            metavar="PROGRAM",
            help="Called with on before a picture is taken, and with off after it.",
        ),
    ] = None,
    history: HistoryOption = None,
    model: ModelOption = None,
    min_confidence: MinConfidenceOption = None,
    read_all: AllOption = False,
    interval: Annotated[
        float,
        typer.Option(
            "--interval", metavar="SECONDS", min=0.05, max=3600, help="Time between two looks."
        ),
    ] = DEFAULT_INTERVAL,
    once: Annotated[
        bool, typer.Option("--once", help="Read the pictures that are there, and end.")
    ] = False,
    keep_unsure: KeepUnsureOption = None,
    keep_unsure_bytes: KeepUnsureBytesOption = DEFAULT_KEEP_UNSURE_BYTES,
    runtime: RuntimeOption = None,
) -> None:
    """Read pictures as they arrive, from a folder or a camera.

    Appends one line per picture to the results, as predict --format jsonl prints
    it, and waits for more until it is stopped (Ctrl-C, SIGTERM). A picture with a
    line is not read again, not even by the next start; pictures are recognized by
    their paths, so give each its own name. One that is still being written is
    waited for; names that begin with a dot are ignored.

    With --camera or --config, a camera is read every ten seconds, its regions
    become values by rules, and these are kept and sent as the settings say.

    With --once, the exit status is 1 if a picture could not be read.
    """
    if init:
        from mnist_edge.commands.watch_camera import write_config

        _refuse({str(folder): folder, "--out": out}, "not with --init; it writes to --config FILE")
        write_config(config, camera)
        return
    if (folder is None) == (camera is None and config is None):
        raise InvalidValue("name either a FOLDER, or a camera by --camera or --config")
    of_camera = {
        "--every": every,
        "--on-change": on_change,
        "--light-command": light_command,
        "--history": history,
    }
    if folder:
        _refuse(of_camera, "only with a camera")
    else:
        _refuse(
            {"--all": read_all, "--interval": interval != DEFAULT_INTERVAL}, "only with a FOLDER"
        )
    confidence = parse_min_confidence(min_confidence)
    if folder:
        if out is None:
            raise InvalidValue("name a file for the results by --out FILE; - prints them")
        unsure = _unsure_pictures(keep_unsure, keep_unsure_bytes, inbox=folder.resolve())
        from mnist_edge.commands.watch_folder import watch_folder

        with _ending() as ending:
            failed = watch_folder(
                folder,
                out,
                model,
                confidence,
                unsure,
                read_all=read_all,
                interval=interval,
                once=once,
                pause=ending.pause,
            )
    else:
        from mnist_edge.commands.watch_camera import camera_settings, watch_camera

        settings = camera_settings(
            config,
            camera=camera,
            every=every,
            on_change=on_change or None,
            light_command=light_command,
            history=history,
            model=model,
        )
        unsure = _unsure_pictures(keep_unsure, keep_unsure_bytes, inbox=None)
        with _ending() as ending:
            failed = watch_camera(
                settings,
                config,
                min_confidence=confidence,
                out=out or Path("-"),
                once=once,
                unsure=unsure,
                pause=ending.pause,
            )
    if once and failed:
        raise typer.Exit(1)


def _refuse(options: Mapping[str, object], reason: str) -> None:
    """Reject options that would change nothing.

    Raises:
        InvalidValue: one is given.
    """
    for name, value in options.items():
        if value:
            raise InvalidValue(f"{name}: {reason}")


def _unsure_pictures(
    folder: Path | None, max_bytes: int, *, inbox: Path | None
) -> "UnsurePictures | None":
    """Return what keeps unsure pictures, if they are to be kept.

    Raises:
        InvalidValue: they would be kept in the folder that is watched.
    """
    if folder is None:
        return None
    from mnist_edge.inference.unsure_pictures import UnsurePictures

    if inbox and folder.resolve().is_relative_to(inbox):
        raise InvalidValue(
            f"--keep-unsure {folder} is in {inbox}: its copies would be read as "
            "pictures that arrive; name a folder elsewhere"
        )
    return UnsurePictures(folder, max_bytes=max_bytes, warn=warn)


class _Ending:
    """Whether a signal has asked for the end."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: what is being written is finished first."""
        self._asked = True

    def pause(self, seconds: float) -> bool:
        """Wait; return whether to go on."""
        # A sleep goes on to its end after a signal's handler returns, so it is a short one.
        until = time.monotonic() + seconds
        while not self._asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(_POLL_INTERVAL, left))
        return not self._asked


@contextmanager
def _ending() -> Iterator[_Ending]:
    """Listen for Ctrl-C and SIGTERM."""
    ending = _Ending()
    before = {number: signal.signal(number, ending.ask) for number in _SIGNALS}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
