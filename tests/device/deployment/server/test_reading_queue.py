"""Pictures of many requests, read by a few threads."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.deployment.server.model_service import ModelService, NamedPicture, Reading
from mnist_edge.deployment.server.reading_queue import ReadingQueue
from mnist_edge.deployment.server.refusals import RequestRefused
from mnist_edge.deployment.server.request_parsing import ReadingQuery
from mnist_edge.errors import InvalidModel, PictureError
from mnist_edge.preprocessing.pipeline import ModelInput
from tests.support.waiting import SECONDS

PLAIN = ReadingQuery(read_all=False, explain=False, pixels=False, top=1)
SEEN = ReadingQuery(read_all=False, explain=False, pixels=True, top=1)


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


DIGITS = [
    (f"{number}.png", png(digit)) for number, digit in enumerate(load_builtin_digits().images)
]


class HeldService(ModelService):
    """A model that counts the batches, and reads nothing small until it is let go."""

    def __init__(self) -> None:
        super().__init__("nano")
        self.begun, self.go = threading.Event(), threading.Event()
        self.batches: list[int] = []

    def prepare(self, picture: NamedPicture) -> ModelInput | PictureError:
        self.begun.set()
        if len(picture[1]) < 10_000:
            assert self.go.wait(SECONDS)
        return super().prepare(picture)

    def classify(
        self, pictures: Sequence[NamedPicture], prepared: Sequence[ModelInput | PictureError]
    ) -> list[Reading]:
        self.batches.append(len(prepared))
        return super().classify(pictures, prepared)


def run(
    service: ModelService, use: Callable[[ReadingQueue], Awaitable[object]], *, threads: int = 2
) -> None:
    """Use a queue in an event loop of its own."""

    async def main() -> None:
        queue = ReadingQueue(service, max_pixels=1_000_000, threads=threads, changed=lambda _: None)
        try:
            await use(queue)
        finally:
            queue.close()

    asyncio.run(main())


@pytest.mark.parametrize("threads", [1, 2])
def test_requests_that_wait_are_read_in_batches_each_with_its_own_answers(threads: int) -> None:
    service = HeldService()
    expected = list(service.classifier.predict_many(content for _, content in DIGITS))

    async def use(queue: ReadingQueue) -> None:
        requests = [asyncio.create_task(queue.read([one], PLAIN)) for one in DIGITS]
        await asyncio.sleep(0)
        assert queue.pending == len(DIGITS)
        service.go.set()
        assert [reading.outcome for (reading,) in await asyncio.gather(*requests)] == expected
        assert queue.pending == 0
        assert sum(service.batches) == len(DIGITS)
        assert len(service.batches) < len(DIGITS)

    run(service, use, threads=threads)


def test_the_pictures_of_a_request_are_answered_in_their_order() -> None:
    service = HeldService()
    service.go.set()
    noise = np.random.default_rng(0).integers(0, 256, (200, 400), np.uint8)
    pictures = [DIGITS[0], ("noise", png(noise)), ("none", b"no picture"), DIGITS[3]]

    async def use(queue: ReadingQueue) -> None:
        for query in (PLAIN, SEEN):
            readings = await queue.read(pictures, query)
            assert isinstance(readings[2].outcome, PictureError)
            for number in (0, 1, 3):
                expected = service.classifier.predict(pictures[number][1])
                assert readings[number].outcome == expected
                assert (readings[number].pixels is None) == (query is PLAIN)

    run(service, use)


def test_a_large_picture_does_not_wait_behind_small_ones() -> None:
    service = HeldService()
    large = png(np.random.default_rng(0).integers(0, 256, (500, 900), np.uint8))

    async def use(queue: ReadingQueue) -> None:
        small = asyncio.create_task(queue.read([DIGITS[0]], PLAIN))
        await asyncio.wait_for(queue.read([("large", large)], PLAIN), SECONDS)
        assert not small.done()
        service.go.set()
        await small

    run(service, use)


def test_a_request_that_is_given_up_is_under_way_until_its_thread_is_free() -> None:
    service = HeldService()

    async def use(queue: ReadingQueue) -> None:
        given_up = asyncio.create_task(queue.read([DIGITS[0]], PLAIN))
        assert await asyncio.to_thread(service.begun.wait, SECONDS)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert queue.pending == 1
        service.go.set()
        await queue.read([DIGITS[1]], PLAIN)
        assert queue.pending == 0

    run(service, use)


def test_one_request_that_is_refused_or_fails_leaves_the_others_alone() -> None:
    service = HeldService()
    service.go.set()
    wide = png(np.zeros((1_000, 1_001), np.uint8))

    async def use(queue: ReadingQueue) -> None:
        refused, read = await asyncio.gather(
            queue.read([DIGITS[0], ("wide", wide)], PLAIN),
            queue.read([DIGITS[1]], PLAIN),
            return_exceptions=True,
        )
        assert isinstance(refused, RequestRefused)
        assert refused.status == 413
        assert isinstance(read, list)

    run(service, use)


def test_when_the_model_fails_each_request_gets_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ModelService("nano")

    def fail(pictures: object, prepared: object) -> list[Reading]:
        raise InvalidModel("it cannot run")

    monkeypatch.setattr(service, "classify", fail)

    async def use(queue: ReadingQueue) -> None:
        for one in DIGITS[:2]:
            with pytest.raises(InvalidModel):
                await queue.read([one], PLAIN)

    run(service, use)
