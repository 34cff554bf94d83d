"""``mnist-edge bundle``: packs an archive that installs mnist-edge on a board without a network."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.console import note
from mnist_edge.commands.options import complete_list, complete_models, list_option, out_option
from mnist_edge.commands.parsing import split_list
from mnist_edge.system.text import escape_controls

EXAMPLES = """
mnist-edge bundle --target pi-bookworm-64 --serve
mnist-edge bundle --target pi-trixie-64 --model runs/edge --out pi.tar.gz
mnist-edge bundle --target linux-x86_64 --sign private.pem
"""


def _complete_targets(incomplete: str) -> list[str]:
    from mnist_edge.deployment.bundle.targets import TARGETS

    return complete_list(incomplete, TARGETS)


_EXTRAS = {"camera": "mqtt", "serve": "serve"}
"""The extra that a service needs, by its name."""


def bundle_command(
    target: Annotated[
        str,
        typer.Option(
            "--target",
            "-t",
            metavar="BOARD",
            help="Board: pi-bookworm-64, pi-bookworm-32, pi-trixie-64 or linux-x86_64.",
            autocompletion=_complete_targets,
        ),
    ],
    model: Annotated[
        list[str] | None,
        list_option(
            "--model",
            "-m",
            metavar="MODEL",
            description="Models to install besides the shipped ones; the last is used",
            completion=complete_models,
        ),
    ] = None,
    camera: Annotated[
        bool,
        typer.Option(
            "--camera", help="Add what sends readings over MQTT, and the service of a camera."
        ),
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Add what mnist-edge serve needs, and its service.")
    ] = False,
    out: Annotated[
        Path | None,
        out_option("Output archive.", metavar="FILE", default="mnist-edge-BOARD.tar.gz"),
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option(
            "--sign",
            metavar="KEY",
            help="Private Ed25519 key, as openssl writes it, that the checksums are signed with.",
            show_default="no signature",
        ),
    ] = None,
) -> None:
    """Pack everything that a board without a network installs.

    The archive holds wheels for the board's own Python, models, a self-test and
    an installer. pip downloads the wheels, so this machine needs a network; the
    board does not.
    """
    import tempfile

    from mnist_edge.deployment import bundle
    from mnist_edge.system.files import require_replaceable

    board = bundle.find_target(target)
    bundle.require_packaging()
    models = [bundle.find_model(name) for name in split_list(model)]
    parts = [name for name, wanted in (("camera", camera), ("serve", serve)) if wanted]
    path = out or Path(f"mnist-edge-{board.name}.tar.gz")
    require_replaceable(path)
    signer = None if sign is None else bundle.open_signing_key(sign)
    with tempfile.TemporaryDirectory(prefix="mnist-edge-bundle-") as temporary:
        folder = Path(temporary)
        note("building mnist-edge")
        own = bundle.make_own_wheel(folder / "own")
        note(f"downloading its dependencies on {board.title}")
        written = bundle.write_bundle(
            path,
            board,
            own=own,
            wheels=bundle.fetch_wheels(
                own, board, folder / "wheels", extras=[_EXTRAS[part] for part in parts]
            ),
            installer=bundle.fetch_installer(board, folder / "installer"),
            models=models,
            services=["watch", *parts],
            sign=signer,
        )
    typer.echo(
        f"wrote {escape_controls(str(path))}: {written.wheels} wheels, {written.size / 1e6:.1f} MB"
    )
    typer.echo(f"sha256 {written.sha256}")
    for package in board.from_system:
        typer.echo(f"the board's own: {package.debian}")
    typer.echo(
        f"on the board: tar xzf {escape_controls(path.name)} && sh {written.folder}/install.sh"
    )
