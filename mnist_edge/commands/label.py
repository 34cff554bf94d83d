"""``mnist-edge label``: a page, or a terminal, to say what pictures show."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands.console import note
from mnist_edge.commands.options import ModelOption, RuntimeOption
from mnist_edge.errors import MissingDependency, extra_install_command
from mnist_edge.system.text import escape_controls, percent

if TYPE_CHECKING:
    from PIL import Image

    from mnist_edge.deployment.server.settings import ServerSettings
    from mnist_edge.inference.labeling import LabelingSession, PictureToLabel
    from mnist_edge.inference.picture_guesses import Guess

EXAMPLES = """
mnist-edge label unsure
mnist-edge label unsure --port 8090 --model my-model
mnist-edge label unsure --terminal
"""
USED_WITH = {"--terminal": ("FOLDER", "--model", "--runtime")}

_COLUMNS = 64
"""Columns of a drawing, at most."""
_KEYS = "0-9, x no digit, Enter as guessed, u undo, s skip, q quit"
_BOX_MARGIN = 0.2
"""Width of the paper that is drawn around a box, relative to its longer side."""


def label_command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of pictures, such as --keep-unsure's.")
    ],
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Draw the pictures in this terminal; for ssh.")
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", min=0, max=65535, help="Port; 0 for any that is free."
        ),
    ] = 0,
    model: ModelOption = None,
    runtime: RuntimeOption = None,
) -> None:
    """Say what pictures show, one after the other.

    Prints a link to a page with each picture and the model's guess: press 0 to 9,
    x for no digit, Enter if the guess is right, u to undo. Each label is saved in
    FOLDER/labels.csv at once, which report and teach read; what has a label is
    not asked again. Several digits are labelled by their boxes.

    The page is for this machine only, and needs the link. Sub-folders 0 to 9 and
    a labels.csv that is there count as labelled. Ctrl-C ends.
    """
    from mnist_edge.inference.classifier import Classifier
    from mnist_edge.inference.labeling import LabelingSession

    session = LabelingSession(folder, partial(Classifier, model))
    if terminal:
        _label_in_terminal(session)
    else:
        _serve_page(session, port)
    done = session.count()
    note(f"{done.labeled} of {done.total} labelled, in {folder / 'labels.csv'}")


def _serve_page(session: "LabelingSession", port: int) -> None:
    try:
        from mnist_edge.deployment.server.label_application import LabelServer
        from mnist_edge.deployment.server.settings import ServerSettings, random_token
        from mnist_edge.deployment.server.startup import run_server
    except ImportError as error:
        raise MissingDependency(
            f"the page needs {error.name}, which is not installed: "
            f"{extra_install_command('serve')}; or add --terminal"
        ) from error
    settings = ServerSettings(port=port, token=random_token())
    run_server(partial(LabelServer, session), settings, _announce)


def _announce(settings: "ServerSettings") -> None:
    # Behind the # it is not sent, and does not come into anybody's log.
    typer.echo(f"label at http://{settings.host}:{settings.port}/#token={settings.token}")


def _label_in_terminal(session: "LabelingSession") -> None:
    """Ask for one label after the other, until all have one."""
    number, given = session.next_open(), _Given()
    with _keys() as read_key:
        while number is not None:
            one = session.picture(number)
            answer = _ask_picture(session, number, one, read_key, given)
            if answer == "q":
                return
            if answer == "u":
                number = given.take_back(session, number)
            else:
                number = session.next_open(number)
    typer.echo("no other picture is to be labelled")


class _Given:
    """What was said, for undo."""

    def __init__(self) -> None:
        self._labels: list[tuple[int, Any]] = []

    def add(self, number: int, before: Any) -> None:
        """Remember what a picture was labeled as before."""
        self._labels.append((number, before))

    def take_back(self, session: "LabelingSession", number: int) -> int:
        """Undo the last; return the number of its picture, or that of the one that is shown."""
        if not self._labels:
            note("nothing to undo")
            return number
        last, before = self._labels.pop()
        session.set_labels(last, before)
        return last


def _ask_picture(
    session: "LabelingSession",
    number: int,
    one: "PictureToLabel",
    read_key: Callable[[], str],
    given: _Given,
) -> str:
    """Ask what a picture, or each of its boxes, shows; return the last key."""
    from mnist_edge.data.label_table import UNLABELED, Label

    done = session.count()
    heading = f"{done.total - done.labeled} to do: {escape_controls(one.path)}"
    if one.record:
        heading += f" (unsure: {', '.join(map(escape_controls, one.record.reasons))})"
    typer.echo(f"\n{heading}")
    if one.problem:
        typer.echo(escape_controls(one.problem))
    by_box = {label.box: label.text for label in one.labels}
    boxes = [guess.box for guess in one.guesses] or [None]
    texts = [by_box.get(box, UNLABELED) for box in boxes]
    key = "s"
    for at, box in enumerate(boxes):
        if texts[at] != UNLABELED:
            continue
        guess = one.guesses[at] if one.guesses else None
        if guess:
            _draw(session, number, guess)
        key = _ask(guess, read_key)
        if key in ("q", "u", "s"):
            return key
        texts[at] = key
        labels = [Label(text=text, box=box) for text, box in zip(texts, boxes, strict=True)]
        before = session.set_labels(number, labels)
        given.add(number, before)
    return key


def _ask(guess: "Guess | None", read_key: Callable[[], str]) -> str:
    """Ask until a key means something; return it, or the guess for Enter."""
    from mnist_edge.data.label_table import LABELS, NO_DIGIT

    words, guessed = "it cannot be read", ""
    if guess:
        likeliest, share = guess.prediction.top(1)[0]
        is_blank = guess.prediction.abstained == "blank"
        guessed = NO_DIGIT if is_blank else str(likeliest)
        words = "blank" if is_blank else f"{likeliest} ({percent(share, 1)})"
    while True:
        typer.echo(f"{words}? [{_KEYS}] ", nl=False)
        key = read_key()
        typer.echo(key.strip())
        if key in ("\n", "\r") and guessed:
            return guessed
        if key in (*LABELS, "u", "s", "q") and (guess or key not in LABELS or key == NO_DIGIT):
            return key


def _draw(session: "LabelingSession", number: int, guess: "Guess") -> None:
    """Draw a picture, or a box of it."""
    from mnist_edge.commands.console import terminal_width
    from mnist_edge.inference.text_picture import picture_to_text

    image, scale = session.pixels(number)
    if guess.box:
        image = _crop(image, [edge / scale for edge in guess.box])
    columns = min(_COLUMNS, terminal_width() or _COLUMNS)
    typer.echo(picture_to_text(image, columns=columns, encoding=sys.stdout.encoding or "ascii"))


def _crop(image: "Image.Image", box: Sequence[float]) -> "Image.Image":
    left, top, right, bottom = box
    margin = _BOX_MARGIN * max(right - left, bottom - top)
    return image.crop(
        (
            max(0, int(left - margin)),
            max(0, int(top - margin)),
            min(image.width, int(right + margin) + 1),
            min(image.height, int(bottom + margin) + 1),
        )
    )


@contextmanager
def _keys() -> Iterator[Callable[[], str]]:
    """Yield a function that waits for a key, or reads a line where there is no terminal.

    At the end of the input it returns ``q``.
    """
    if not (sys.stdin and sys.stdin.isatty()) or sys.platform == "win32":
        yield _read_line
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield lambda: sys.stdin.read(1).lower() or "q"
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _read_line() -> str:
    line = sys.stdin.readline() if sys.stdin else ""
    return (line.strip().lower() or "\n") if line else "q"
