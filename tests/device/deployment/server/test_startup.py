"""Starting, ending and exchanging the model under load."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.certificates import make_certificate
from tests.support.digit_server import running_server
from tests.support.paths import NANO, ROOT
from tests.support.programs import mnist_edge
from tests.support.waiting import SECONDS, eventually

SAMPLE = (ROOT / "mnist_edge/samples/digit.png").read_bytes()
PNG = {"Content-Type": "image/png"}


def begin_upload(connection: socket.socket) -> None:
    """Send the headers of a request, and wait until the server waits for its body."""
    head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    length = f"Content-Length: {len(SAMPLE)}\r\nExpect: 100-continue\r\n\r\n"
    connection.sendall(f"{head}{length}".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_status_0(number: signal.Signals) -> None:
    with running_server("--model", "nano") as server:
        server.process.send_signal(number)
        assert server.process.wait(SECONDS) == 0


def test_requests_under_way_are_finished_before_the_end() -> None:
    with running_server("--model", "nano") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as slow:
            begin_upload(slow)
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: not listens(server.port))
            slow.sendall(SAMPLE)
            answer = b""
            while part := slow.recv(65536):
                answer += part
        assert b'"digit":7' in answer
        assert server.process.wait(SECONDS) == 0


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_a_second_signal_ends_the_server_at_once_and_silently() -> None:
    with running_server("--model", "nano", "--request-seconds", "600") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as slow:
            begin_upload(slow)
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: not listens(server.port))
            assert server.end() == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == "ended\n"


def test_mistakes_of_clients_are_not_logged() -> None:
    with running_server("--model", "nano") as server:
        for sent in (b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nHost: [\r\nOrigin: http://[\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as wrong:
                wrong.sendall(sent)
                assert wrong.recv(100).startswith(b"HTTP/1.1 400 ")
        with server.client() as client:
            upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
            assert client.get("/healthz", headers=upgrade).status_code == 200
            form = {"Content-Type": "multipart/form-data; boundary=b"}
            assert client.post("/v1/predict", content=b"x", headers=form).status_code == 400
        assert server.end() == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == "ended\n"


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = mnist_edge("serve", "--port", str(port), folder=ROOT)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"mnist-edge: cannot listen on 127.0.0.1 port {port}: Address already in use; choose "
        "another --port"
    ]


def test_the_socket_that_systemd_passes_is_used() -> None:
    program = (
        "import os, sys\n"
        "os.dup2(int(sys.argv[1]), 3)\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n"
        "os.set_inheritable(3, True)\n"
        "from mnist_edge.commands.app import main\n"
        "main(['serve', '--model', 'nano'])\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with subprocess.Popen(
            [sys.executable, "-c", program, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            # The client waits in the socket's queue until the server is there.
            answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=SECONDS, trust_env=False)
            process.terminate()
            assert process.wait(SECONDS) == 0
    assert answer.json()["ready"] is True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_https_is_served_with_a_certificate(certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    options = ("--tls-cert", str(chain), "--tls-key", str(key))
    with running_server("--model", "nano", *options) as server:
        assert server.url.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(chain))
        with httpx.Client(verify=trusted, trust_env=False, timeout=SECONDS) as client:
            response = client.post(f"{server.url}/v1/predict", content=SAMPLE, headers=PNG)
            assert response.json()["digit"] == 7
        # A client that speaks plain HTTP, or nothing, keeps nobody waiting.
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert server.end() == 0


def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "cert.pem"
    wrong.write_text("no certificate")
    result = mnist_edge(
        *("serve", "--port", "0", "--tls-cert", str(wrong), "--tls-key", str(wrong)), folder=ROOT
    )
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def in_use(client: httpx.Client) -> Any:
    return client.get("/v1/model").json()


@pytest.mark.slow
def test_a_newly_installed_model_is_loaded_without_losing_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_EDGE_MODELS", str(tmp_path))
    with running_server(models=tmp_path) as server:
        failed: list[str] = []
        ended = threading.Event()

        def ask() -> None:
            with server.client() as client:
                while not ended.is_set():
                    response = client.post("/v1/predict", content=SAMPLE, headers=PNG)
                    if response.status_code != 200 or response.json()["digit"] != 7:
                        failed.append(response.text)

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for one in clients:
            one.start()
        try:
            with server.client() as client:
                assert in_use(client)["name"] == "edge/int8"
                installed = mnist_edge("model", "install", str(NANO), folder=tmp_path)
                assert installed.returncode == 0, installed.stderr
                eventually(lambda: in_use(client)["name"].startswith("nano-int8-"))
                # One that cannot be used is refused, and the one that reads goes on.
                record = tmp_path / "in-use.json"
                record.write_text('{"in_use": "gone-int8-0123456789ab", "before": []}')
                (warning,) = eventually(lambda: in_use(client).get("warnings"))
                assert in_use(client)["name"].startswith("nano-int8-")
                assert "gone-int8-0123456789ab" in warning
        finally:
            ended.set()
            for one in clients:
                one.join()
        assert failed == []
        assert server.metric('mnist_edge_model_exchanges_total{result="taken"}') == 1
        assert server.metric('mnist_edge_model_exchanges_total{result="refused"}') == 1


def test_sighup_loads_the_model_at_once(tmp_path: Path) -> None:
    with running_server("--model", "nano", models=tmp_path) as server:
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.metric('mnist_edge_model_exchanges_total{result="taken"}'))
        assert server.metric('mnist_edge_model_exchanges_total{result="taken"}') == 1
        assert server.end() == 0
