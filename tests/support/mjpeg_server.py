"""A camera of the network: pictures as ``multipart/x-mixed-replace`` on loopback."""

from __future__ import annotations

import io
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from mnist_edge.monitoring.demo_counter import draw_counter, picture_at


@contextmanager
def serve_mjpeg(seconds: float = 0.1) -> Iterator[tuple[str, threading.Event]]:
    """Serve the drawn counter until the block ends.

    Args:
        seconds: between two pictures.

    Yields:
        The address, and an event: streams go on as long as it is set.
    """
    is_sending = threading.Event()
    is_sending.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
            self.end_headers()
            with suppress(OSError):
                for number in itertools.count():
                    if not is_sending.is_set():
                        return
                    self.wfile.write(_part(number))
                    time.sleep(seconds)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/stream", is_sending
    finally:
        is_sending.clear()
        server.shutdown()
        server.server_close()
        thread.join()


def _part(number: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(draw_counter(picture_at(number), seed=number)).save(stream, "JPEG")
    content = stream.getvalue()
    head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode("ascii") + content + b"\r\n"
