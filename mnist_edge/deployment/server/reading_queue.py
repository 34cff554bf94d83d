"""Pictures that wait to be read, and the threads that read them.

One thread reads small pictures, the others large ones and pages. A thread that has prepared a
picture goes on to those that wait behind it, as long as that takes no longer than an answer may be
late, and then runs the model on all of them in one batch: MNIST's own by the dozen, photos one by
one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from mnist_edge.deployment.server.model_service import ModelService, NamedPicture, Reading
from mnist_edge.deployment.server.refusals import RequestRefused
from mnist_edge.deployment.server.request_parsing import ReadingQuery
from mnist_edge.errors import PictureError
from mnist_edge.preprocessing.decoding import picture_size
from mnist_edge.preprocessing.pipeline import ModelInput

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_BATCH_SECONDS = 0.004
"""Time after which a thread prepares no further picture before it runs the model."""
_MAX_SMALL = 200_000
"""Maximum number of bytes of a small picture. Python runs one thread at a time, except within what
takes long: two threads with small pictures would only be in each other's way, and take a third more
time for all of them. Large ones are read beside them."""
_MAX_BATCH = 64
"""Maximum number of pictures that the model is run on together."""


@dataclass(kw_only=True)
class _Request:
    """Pictures whose readings are answered together."""

    pictures: Sequence[NamedPicture]
    query: ReadingQuery
    answer: asyncio.Future[list[Reading]]
    readings: dict[int, Reading] = field(default_factory=dict)
    """What was read, by the picture's number."""
    error: Exception | None = None
    """Why it cannot be answered; its other pictures are not read then."""
    left: int
    """Pictures that no thread is done with."""

    @property
    def is_plain(self) -> bool:
        """Whether the digit alone is asked for, and not how it was found."""
        return not (self.query.read_all or self.query.explain or self.query.pixels)

    @property
    def is_moot(self) -> bool:
        """Whether nobody waits for it anymore."""
        return self.error is not None or self.answer.done()


_Waiting: TypeAlias = tuple[_Request, int]
"""A request, and the number of one of its pictures."""
_Prepared: TypeAlias = "tuple[_Waiting, ModelInput | PictureError]"
"""One of them with what was found in it."""
_Outcome: TypeAlias = "Reading | Exception | None"
"""What came of a picture; None if it was not read, because nobody waits for it."""


class _Lane:
    """Pictures that wait for the same threads."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._is_open = True

    def add(self, waiting: _Waiting) -> None:
        """Have a picture wait."""
        with self._changed:
            self._waiting.append(waiting)
            self._changed.notify()

    def next(self) -> _Waiting | None:
        """Wait for the next picture; None when the lane is closed."""
        with self._changed:
            while self._is_open and not self._waiting:
                self._changed.wait()
            return self._waiting.popleft() if self._is_open else None

    def next_plain(self) -> _Waiting | None:
        """Return the next picture if there is one that can be read in a batch."""
        with self._changed:
            if self._waiting and self._waiting[0][0].is_plain:
                return self._waiting.popleft()
        return None

    def close(self) -> None:
        """Let the threads end."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()


class ReadingQueue:
    """Threads that read the pictures of requests, in the order in which they came.

    Made, called and closed in the event loop.

    Args:
        service: the model.
        max_pixels: of one picture.
        threads: how many pictures are read at a time: a small one, the others large ones or pages.
        changed: called with the number of requests under way, whenever that changes.
    """

    def __init__(
        self,
        service: ModelService,
        *,
        max_pixels: int,
        threads: int,
        changed: Callable[[int], object],
    ) -> None:
        self._service, self._max_pixels, self._changed = service, max_pixels, changed
        self._loop = asyncio.get_running_loop()
        self.pending = 0
        """Requests that are read or wait; one that is given up is, until its threads are free."""
        self._small = _Lane()
        self._large = _Lane() if threads > 1 else self._small
        lanes = [self._small, *[self._large] * (threads - 1)]
        self._threads = [threading.Thread(target=self._work, args=(lane,)) for lane in lanes]
        for one in self._threads:
            one.start()

    async def read(self, pictures: Sequence[NamedPicture], query: ReadingQuery) -> list[Reading]:
        """Read the pictures of a request, each by itself.

        Raises:
            RequestRefused: one has too many pixels.
            MnistEdgeError: the model failed.
        """
        request = _Request(
            pictures=pictures, query=query, answer=self._loop.create_future(), left=len(pictures)
        )
        self._count(1)
        for number, (_, content) in enumerate(pictures):
            is_small = len(content) <= _MAX_SMALL and not query.read_all
            (self._small if is_small else self._large).add((request, number))
        return await request.answer

    def close(self) -> None:
        """End the threads once they have read what they are at."""
        for lane in (self._small, self._large):
            lane.close()
        for one in self._threads:
            one.join()

    def _count(self, change: int) -> None:
        self.pending += change
        self._changed(self.pending)

    def _work(self, lane: _Lane) -> None:
        while (waiting := lane.next()) is not None:
            if waiting[0].is_plain:
                outcomes = self._read_batch(waiting, lane)
            else:
                outcomes = [(waiting, _attempt(self._read_traced, waiting))]
            # The loop wakes once for all of them.
            self._loop.call_soon_threadsafe(self._deliver, outcomes)

    def _read_batch(self, first: _Waiting, lane: _Lane) -> list[tuple[_Waiting, _Outcome]]:
        """Read a picture, and with it those that wait behind it and take little time."""
        prepared: list[_Prepared] = []
        outcomes: list[tuple[_Waiting, _Outcome]] = []
        started = time.perf_counter()
        waiting: _Waiting | None = first
        while waiting is not None:
            one = _attempt(self._prepare, waiting)
            if isinstance(one, (ModelInput, PictureError)):
                prepared.append((waiting, one))
            else:
                outcomes.append((waiting, one))
            is_full = len(prepared) + len(outcomes) == _MAX_BATCH
            is_late = time.perf_counter() - started >= _BATCH_SECONDS
            waiting = None if is_full or is_late else lane.next_plain()
        read = _attempt(self._classify, prepared)
        for number, (waiting, _) in enumerate(prepared):
            outcomes.append((waiting, read[number] if isinstance(read, list) else read))
        return outcomes

    def _classify(self, prepared: Sequence[_Prepared]) -> list[Reading]:
        pictures = [request.pictures[number] for (request, number), _ in prepared]
        return self._service.classify(pictures, [one for _, one in prepared])

    def _prepare(self, waiting: _Waiting) -> ModelInput | PictureError | None:
        request, number = waiting
        if request.is_moot:
            return None
        picture = request.pictures[number]
        _require_pixels(picture, self._max_pixels)
        return self._service.prepare(picture)

    def _read_traced(self, waiting: _Waiting) -> Reading | None:
        request, number = waiting
        if request.is_moot:
            return None
        picture, query = request.pictures[number], request.query
        _require_pixels(picture, self._max_pixels)
        return self._service.read(picture, read_all=query.read_all, explain=query.explain)

    def _deliver(self, outcomes: Sequence[tuple[_Waiting, _Outcome]]) -> None:
        """Take what came of pictures, and answer the requests that are complete."""
        for (request, number), outcome in outcomes:
            request.left -= 1
            if isinstance(outcome, Reading):
                request.readings[number] = outcome
            else:
                request.error = request.error or outcome
            if request.left:
                continue
            self._count(-1)
            if request.answer.done():
                continue
            if request.error:
                request.answer.set_exception(request.error)
            else:
                request.answer.set_result(
                    [request.readings[at] for at in range(len(request.pictures))]
                )


def _attempt(function: Callable[[Argument], Result], argument: Argument) -> Result | Exception:
    """Call a function in a thread, whose errors are the requests'."""
    try:
        return function(argument)
    except Exception as error:  # noqa: BLE001  # raised where the request is answered
        return error


def _require_pixels(picture: NamedPicture, limit: int) -> None:
    name, content = picture
    try:
        width, height = picture_size(content)
    except PictureError:
        return  # reading it says what is wrong
    if width * height > limit:
        raise RequestRefused(
            413,
            "PictureTooLarge",
            f"{name} has {width}x{height} pixels; at most {limit:,} are read: scale it down",
        )
