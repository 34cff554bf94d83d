"""``mnist-edge bundle``: one archive with which a board without a network is installed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.console import note


def bundle_command(
    target: Annotated[
        str,
        typer.Option(
            "--target",
            "-t",
            help="pi-bookworm-64, pi-bookworm-32, pi-trixie-64 or linux-x86_64.",
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Also install this model; repeat for several, the last is put in use.",
            show_default="the shipped ones alone",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Archive to write.", show_default="mnist-edge-TARGET.tar.gz"
        ),
    ] = None,
) -> None:
    """Pack all that a board without a network installs.

    Wheels for the board's own Python, models, a self-test and an installer, in
    one archive. pip downloads the wheels, so a network is needed here, and
    nothing of the board.
    """
    from mnist_edge.deployment import bundle
    from mnist_edge.system.files import require_writable

    board = bundle.find_target(target)
    models = [bundle.find_model(name) for name in model or []]
    path = out or Path(f"mnist-edge-{board.name}.tar.gz")
    require_writable(path.parent)
    with tempfile.TemporaryDirectory(prefix="mnist-edge-bundle-") as temporary:
        folder = Path(temporary)
        note("building mnist-edge")
        own = bundle.make_own_wheel(folder / "own")
        note(f"downloading what it needs on {board.title}")
        written = bundle.write_bundle(
            path,
            board,
            own=own,
            wheels=bundle.fetch_wheels(own, board, folder / "wheels"),
            installer=bundle.fetch_installer(board, folder / "installer"),
            models=models,
        )
    typer.echo(f"wrote {path}: {written.wheels} wheels, {written.size / 1e6:.1f} MB")
    typer.echo(f"sha256 {written.sha256}")
    for package in board.from_system:
        typer.echo(f"the board's own: {package.debian}")
    typer.echo(f"on the board: tar xzf {path.name} && sh {written.folder}/install.sh")
