"""Measure ``mnist-edge serve`` under load, beside ``predict_many`` and beside a bare Flask loop.

    python -m benchmarks.speed.serving

The pictures are drawings as the page sends them: PNGs of 280x280 pixels, black on white. Clients
keep their connections, and take as little time of the processor as they can, because the server
shares it. The 99th percentile of one client stands beside that of ``predict``, too: it is the time
of the pictures that are unclear, and are read in several ways. The floor is a Flask application as
tutorials write it: it decodes, makes gray, inverts, resizes and runs the bare interpreter, one
request at a time.
"""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.rows import Row, count, main, row_of_times
from mnist_edge import Classifier
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.evaluation.benchmark.baseline import runtime_module
from mnist_edge.modelstore import loading

THROUGHPUT, MEMORY = 0.8, 80e6
"""How many times as fast as ``predict_many``, and most resident bytes."""
_HEAD = (
    b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
    b"Content-Length: %d\r\n\r\n"
)
_ROUNDS = 3
_ENLARGEMENT = 10
FLASK = """\
import io, logging, sys, threading, numpy as np
from PIL import Image
from flask import Flask, jsonify, request
from werkzeug.serving import make_server
from {module} import Interpreter
logging.getLogger("werkzeug").disabled = True
model = Interpreter(sys.argv[1]); model.allocate_tensors()
input, output = model.get_input_details()[0], model.get_output_details()[0]
kind, (scale, zero) = np.iinfo(input["dtype"]), input["quantization"]
app, lock = Flask(__name__), threading.Lock()
@app.post("/v1/predict")
def predict():
    picture = Image.open(io.BytesIO(request.get_data())).convert("L").resize((28, 28))
    values = np.round((255 - np.asarray(picture)) / scale + zero).clip(kind.min, kind.max)
    with lock:
        model.set_tensor(input["index"], values.astype(input["dtype"]).reshape(input["shape"]))
        model.invoke()
        return jsonify(digit=int(model.get_tensor(output["index"]).argmax()))
server = make_server("127.0.0.1", 0, app, threaded=True)
print(f"serving on http://127.0.0.1:{{server.port}}/", flush=True)
server.serve_forever()
"""
"""The bare server, for a model in integers."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a number of clients met."""

    seconds: float
    """Time for all requests."""
    latencies: list[float]
    """Seconds of each request that was answered."""
    statuses: dict[int, int]
    """Number of responses by status."""
    digits: list[int | None]
    """The digit of each picture, in the pictures' order; None where there is none."""

    @property
    def p99(self) -> float:
        """Seconds within which 99 % of the answers came."""
        return float(np.percentile(self.latencies, 99))


def measure(share: float) -> Iterator[Row]:
    """Yield rows for 1, 8 and 64 clients; 400 pictures at full size."""
    images = load_test_digits().images[: count(400, share, least=64)]
    pictures = [_drawing(image) for image in images]
    model = loading.load_model("edge").path
    classifier = Classifier("edge")
    expected = [one.digit for one in classifier.predict_many(pictures)]
    bare = [sys.executable, "-c", FLASK.format(module=runtime_module()), str(model)]
    ours = [sys.executable, "-m", "mnist_edge", "serve", "--model", "edge", "--port", "0"]
    with server(ours) as (process, port), server(bare) as (_, bare_port):
        for one in (port, bare_port):
            load(one, pictures[:64], clients=8)
        many: list[float] = []
        single: list[float] = []
        loads: dict[int, list[Load]] = {1: [], 8: [], 64: []}
        floors: dict[int, list[Load]] = {1: [], 8: [], 64: []}
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            list(classifier.predict_many(pictures))
            many.append(time.perf_counter() - started)
            single.append(_p99(classifier, pictures))
            for clients, series in loads.items():
                series.append(load(port, pictures, clients=clients))
                floors[clients].append(load(bare_port, pictures, clients=clients))
        peak = _peak_memory(process.pid)
    statuses = {status for series in loads.values() for one in series for status in one.statuses}
    wrong = sum(
        digit != right
        for series in loads.values()
        for one in series
        for digit, right in zip(one.digits, expected, strict=True)
    )
    yield row_of_times(
        "serve, 8 clients, drawings",
        [one.seconds for one in loads[8]],
        "predict_many on one thread",
        many,
        calls=len(pictures),
        goal="at least",
        target=THROUGHPUT,
    )
    yield row_of_times(
        "serve, 1 client, 99th percentile of latency",
        [one.p99 for one in loads[1]],
        "predict, 99th percentile",
        single,
    )
    for clients, series in loads.items():
        yield row_of_times(
            f"serve, {clients} clients, 99th percentile of latency",
            [one.p99 for one in series],
            "bare Flask loop",
            [one.p99 for one in floors[clients]],
        )
    yield Row(
        what="serve, peak memory with edge",
        figure=peak / 1e6,
        unit="MB",
        goal="at most",
        target=MEMORY / 1e6,
    )
    yield Row(
        what="serve, answers other than predict_many's",
        figure=wrong,
        unit="pictures",
        goal="at most",
        target=0,
    )
    yield Row(
        what="serve, statuses other than 200 and 429",
        figure=len(statuses - {200, 429}),
        unit="statuses",
        goal="at most",
        target=0,
    )


def load(port: int, pictures: Sequence[bytes], *, clients: int) -> Load:
    """Send every picture once, from so many clients at a time; one that is told to waits."""
    digits: list[int | None] = [None] * len(pictures)
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    lock = threading.Lock()

    def send(numbers: Sequence[int]) -> None:
        connection = _Connection(port)
        for number in numbers:
            status = 429
            while status == 429:
                started = time.perf_counter()
                status, body = connection.post(pictures[number])
                with lock:
                    statuses[status] = statuses.get(status, 0) + 1
                    if status == 200:
                        latencies.append(time.perf_counter() - started)
                if status == 429:
                    time.sleep(0.05)
            digits[number] = json.loads(body).get("digit")
        connection.close()

    threads = [
        threading.Thread(target=send, args=(range(first, len(pictures), clients),))
        for first in range(clients)
    ]
    started = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return Load(
        seconds=time.perf_counter() - started,
        latencies=latencies,
        statuses=statuses,
        digits=digits,
    )


class _Connection:
    """A connection to a server on this machine, which is made again when the server ends it.

    ``http.client`` takes as long to parse an answer's headers as the server for all of a request.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def post(self, picture: bytes) -> tuple[int, bytes]:
        """Have a picture read; return the answer's status and body."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_HEAD % len(picture) + picture)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, body = received[:end].lower(), received[end + 4 :]
        found = re.search(rb"\r\ncontent-length: ([0-9]+)", head)
        if found is None:
            raise ValueError(f"an answer without a length: {head!r}")
        while len(body) < int(found[1]):
            body += self._receive()
        if head.startswith(b"http/1.0") or b"\r\nconnection: close" in head:
            self.close()
        return int(head[9:12]), body

    def _receive(self) -> bytes:
        part = self._socket.recv(65_536) if self._socket else b""
        if not part:
            raise ValueError("the server ended the connection within an answer")
        return part

    def close(self) -> None:
        """Close the connection."""
        if self._socket:
            self._socket.close()
        self._socket = None


@contextmanager
def server(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a server, which prints the address that it listens on."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise ValueError("the server has no output")
            line = process.stdout.readline()
            found = re.search(r":([0-9]+)/", line)
            if found is None:
                raise ValueError(f"the server did not start: {line!r}")
            yield process, int(found[1])
        finally:
            process.terminate()


def _drawing(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    side = _ENLARGEMENT * image.shape[0]
    stream = io.BytesIO()
    Image.fromarray(np.invert(image)).resize((side, side)).save(stream, "PNG")
    return stream.getvalue()


def _p99(classifier: Classifier, pictures: Sequence[bytes]) -> float:
    """Return the seconds within which 99 % of the pictures are read, one after the other."""
    seconds = []
    for picture in pictures:
        started = time.perf_counter()
        classifier.predict(picture)
        seconds.append(time.perf_counter() - started)
    return float(np.percentile(seconds, 99))


def _peak_memory(process: int) -> float:
    """Return the most resident bytes that a process had."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
    return 1024.0 * int(found[1]) if found else float("nan")


if __name__ == "__main__":
    main(measure, __doc__)
