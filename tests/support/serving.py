"""A local web server for the tests of downloads and posts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def served(answers: dict[str, Any]) -> Iterator[str]:
    """Serve bytes, statuses and redirects over HTTP on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path, 404)
            if isinstance(answer, str):
                self.send_response(302)
                self.send_header("Location", answer)
                self.end_headers()
            elif isinstance(answer, int):
                self.send_error(answer)
            else:
                content, promised = answer if isinstance(answer, tuple) else (answer, len(answer))
                self.send_response(200)
                if promised is not None:
                    self.send_header("Content-Length", str(promised))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *words: Any) -> None:
            """Do not log requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Post:
    """What somebody posted."""

    path: str
    headers: Mapping[str, str]
    content: bytes


class PostServer:
    """Takes posts, and answers them with a status."""

    def __init__(self) -> None:
        self.status = 204
        self.posts: list[Post] = []
        self.root = ""


@contextmanager
def taking_posts() -> Iterator[PostServer]:
    """Serve posts over HTTP on this machine; only those answered with success are kept."""
    taker = PostServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if taker.status < 300:
                taker.posts.append(Post(self.path, dict(self.headers.items()), content))
            self.send_response(taker.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            """Do not log requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        taker.root = f"http://127.0.0.1:{server.server_port}"
        try:
            yield taker
        finally:
            server.shutdown()
            thread.join()
