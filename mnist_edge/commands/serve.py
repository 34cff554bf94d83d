"""``mnist-edge serve``: a page to draw on, and an API that reads pictures, over HTTP."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import note, terminal_width, warn
from mnist_edge.commands.options import (
    DEFAULT_KEEP_UNSURE_BYTES,
    ConfigOption,
    HistoryOption,
    KeepUnsureBytesOption,
    KeepUnsureOption,
    MinConfidenceOption,
    ModelOption,
    RuntimeOption,
    list_option,
)
from mnist_edge.commands.parsing import parse_min_confidence, split_list
from mnist_edge.errors import InvalidValue, MissingDependency, extra_install_command

if TYPE_CHECKING:
    from mnist_edge.deployment.server.settings import ServerSettings

EXAMPLES = """
mnist-edge serve
mnist-edge serve --host 0.0.0.0 --token-file token.txt
mnist-edge serve --model edge --tls-cert cert.pem --tls-key key.pem
"""
NEEDS = {"--keep-unsure-bytes": "--keep-unsure"}


def serve_command(
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="HOST",
            help="Address to listen on; 0.0.0.0 for all of this machine's.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", min=0, max=65535, help="Port; 0 for any that is free."
        ),
    ] = 8080,
    model: ModelOption = None,
    min_confidence: MinConfidenceOption = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Secret that requests must carry; made if there is no such file.",
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Let everybody who reaches --host use it, without a token."
        ),
    ] = False,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", metavar="FILE", help="Certificate chain for HTTPS, as PEM."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, as PEM.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        list_option(
            "--allowed-host",
            metavar="NAME",
            description="Further names by which clients call this machine",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        list_option(
            "--allow-origin",
            metavar="ORIGIN",
            description="Web pages elsewhere that may use the API (CORS)",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            max=64,
            help="Threads that read pictures, one of them small ones.",
            show_default="one per core",
        ),
    ] = None,
    max_bytes: Annotated[
        int,
        typer.Option("--max-bytes", metavar="BYTES", min=1000, help="Largest body of a request."),
    ] = 16_000_000,
    max_pixels: Annotated[
        int,
        typer.Option("--max-pixels", metavar="PIXELS", min=784, help="Largest picture."),
    ] = 25_000_000,
    max_pictures: Annotated[
        int,
        typer.Option("--max-pictures", metavar="N", min=1, max=1000, help="Pictures of a request."),
    ] = 64,
    max_pending: Annotated[
        int,
        typer.Option(
            "--max-pending",
            metavar="N",
            min=1,
            help="Requests that are read or wait; further ones get status 429.",
        ),
    ] = 128,
    max_connections: Annotated[
        int,
        typer.Option("--max-connections", metavar="N", min=1, help="Connections open at a time."),
    ] = 256,
    max_header_bytes: Annotated[
        int,
        typer.Option("--max-header-bytes", metavar="BYTES", min=1000, help="A request's headers."),
    ] = 16_384,
    header_seconds: Annotated[
        float,
        typer.Option(
            "--header-seconds", metavar="SECONDS", min=0.1, help="Time to send the headers."
        ),
    ] = 10.0,
    request_seconds: Annotated[
        float,
        typer.Option(
            "--request-seconds", metavar="SECONDS", min=0.1, help="Time for all of a request."
        ),
    ] = 30.0,
    keep_unsure: KeepUnsureOption = None,
    keep_unsure_bytes: KeepUnsureBytesOption = DEFAULT_KEEP_UNSURE_BYTES,
    history: HistoryOption = None,
    config: ConfigOption = None,
    runtime: RuntimeOption = None,
) -> None:
    """Serve a page to draw on, and an API that reads pictures.

    POST a picture to /v1/predict; the answer is the JSON that predict --format
    json prints. The page and the API are for this machine only, unless another
    --host is given, which needs a token or --insecure. /openapi.json describes
    the API, /metrics counts what it did.

    With --config, /camera shows a watched camera live, and sets its regions. The
    readings of --history, or of --config, are on the page, in the API and in
    /metrics.

    A model that is installed meanwhile is taken up without a lost request.
    SIGTERM and Ctrl-C finish what is under way.
    """
    try:
        from mnist_edge.deployment.server.model_service import ModelService
        from mnist_edge.deployment.server.settings import (
            ServerLimits,
            ServerSettings,
            is_loopback,
            load_token,
        )
        from mnist_edge.deployment.server.startup import serve
    except ImportError as error:
        raise MissingDependency(
            f"serve needs {error.name}, which is not installed: {extra_install_command('serve')}"
        ) from error
    from mnist_edge.commands.predict_pictures import warn_about
    from mnist_edge.data.daily_counts import counting
    from mnist_edge.inference.unsure_pictures import UnsurePictures
    from mnist_edge.inference.worker_pool import available_cores

    if not (token_file or insecure or is_loopback(host)):
        raise InvalidValue(
            f"--host {host} can be reached by others: add --token-file FILE (it is made if there "
            "is none), or --insecure to let everybody in"
        )
    if (tls_cert is None) != (tls_key is None):
        raise InvalidValue("--tls-cert and --tls-key belong together; give both, or neither")
    if token_file and insecure:
        raise InvalidValue("--token-file and --insecure exclude each other; leave one out")
    settings = ServerSettings(
        host=host,
        port=port,
        token=load_token(token_file) if token_file else None,
        allowed_hosts=tuple(name.lower() for name in split_list(allowed_host)),
        allowed_origins=tuple(split_list(allow_origin)),
        tls_certificate=tls_cert,
        tls_key=tls_key,
        history=history or (config and _history_of(config)),
        camera=config,
        threads=threads or available_cores(),
        limits=ServerLimits(
            max_bytes=max_bytes,
            max_pixels=max_pixels,
            max_pictures=max_pictures,
            max_pending=max_pending,
            max_buffered=max(64_000_000, 2 * max_bytes),
            max_connections=max_connections,
            max_header_bytes=max_header_bytes,
            header_seconds=header_seconds,
            request_seconds=request_seconds,
        ),
    )
    if settings.history:
        _check_history(settings.history)
    unsure = None
    if keep_unsure:
        unsure = UnsurePictures(keep_unsure, max_bytes=keep_unsure_bytes, warn=warn)
    with counting("serve", warn=warn) as counts:
        service = ModelService(
            model,
            min_confidence=parse_min_confidence(min_confidence),
            unsure=unsure,
            counts=counts,
        )
        warn_about(service.classifier)
        if insecure and not is_loopback(host):
            warn("--insecure: everybody who reaches this machine can use the server")
        serve(service, settings, announce)
    note("ended")


def _check_history(path: Path) -> None:
    """Say if a history has not begun yet.

    Raises:
        InvalidHistory: the file is there, and is none.
        NotWritable: it cannot be opened.
    """
    from mnist_edge.monitoring.history import History, HistorySettings
    from mnist_edge.system.files import exists

    # SQLite makes an empty file first.
    if not exists(path) or (path.is_file() and not path.stat().st_size):
        note(f"no history {path} yet: its readings are shown once mnist-edge watch writes it")
    else:
        History(HistorySettings(path=path), read_only=True).close()


def _history_of(config: Path) -> Path | None:
    """Return the history of a watch with these settings, if it keeps one."""
    from mnist_edge.monitoring.settings import history_settings, load_monitor_settings

    kept = history_settings(load_monitor_settings(config), config)
    return kept.path if kept else None


def announce(settings: "ServerSettings") -> None:
    """Print the link to the page, for phones as a QR code too."""
    from mnist_edge.deployment.server.settings import is_loopback

    everywhere = settings.host in {"0.0.0.0", "::"}  # noqa: S104  # compared, not bound
    host = _own_address() if everywhere else settings.host
    link = f"{settings.scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}/"
    if settings.token:
        # Behind the # it is not sent, and does not come into anybody's log.
        link += f"#token={settings.token}"
    typer.echo(f"serving on {link}")
    if settings.camera:
        page, sign, token = link.partition("#")
        typer.echo(f"its camera is at {page}camera{sign}{token}")
    if not is_loopback(host):
        _print_code(link)


def _print_code(link: str) -> None:
    """Print a link as a QR code, unless its lines would break."""
    import segno

    code = segno.make(link, error="l")
    columns, _ = code.symbol_size()
    if columns > (terminal_width() or columns):
        note(f"a QR code of this link takes {columns} columns; a shorter token makes it smaller")
        return
    code.terminal(sys.stdout, compact=True)
    sys.stdout.flush()


def _own_address() -> str:
    """Return the address by which the network knows this machine."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system chooses the address it would send from.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
