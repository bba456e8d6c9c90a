"""`palio capability`: runs Naftiko capability files, against Palio or any other address."""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from palio.surfaces.cli.columns import columns

if TYPE_CHECKING:
    from palio.surfaces.capability.findings import Finding
    from palio.surfaces.capability.plan import Port

app = typer.Typer(no_args_is_help=True, help="Run Naftiko capability files, or say what they do.")

Files: TypeAlias = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Capability files, in YAML.")]
BaseUri: TypeAlias = Annotated[
    str | None, typer.Option(metavar="URL", help="Call this address in place of each `baseUri` of the files.")
]
PortOffset: TypeAlias = Annotated[int, typer.Option(metavar="N", help="Add this to every port of the files.")]


class Auth(StrEnum):
    """Whose credential calls carry."""

    bound = "bound"
    caller = "caller"


@app.command()
def run(
    files: Files,
    base_uri: BaseUri = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port_offset: PortOffset = 0,
    auth: Annotated[
        Auth, typer.Option(help="Whose credential calls carry: the one that the files bind, or the caller's own.")
    ] = Auth.bound,
) -> None:
    """Serve what the files expose, until told to stop.

    Files with equal ports share them. With --auth bound, whoever reaches a port spends the bound key.
    """
    from palio.observe.logs import set_up_logs
    from palio.surfaces.capability.guard import is_loopback
    from palio.surfaces.capability.loading import must_load
    from palio.surfaces.capability.server import serve

    set_up_logs("info", json=False)
    loaded = must_load(files, os.environ, base_uri, auth.value, port_offset)
    _say_warnings(loaded.warnings)
    if auth is Auth.bound and not is_loopback(host):
        typer.echo(
            f"Warning: everybody who reaches {host} can spend the keys that the files bind. "
            "Listen on 127.0.0.1, or let callers bring their own with --auth caller.",
            err=True,
        )
    typer.echo(_explain(loaded.ports), err=True)
    serve(loaded.ports, host, auth.value)


@app.command()
def check(files: Files, base_uri: BaseUri = None, port_offset: PortOffset = 0) -> None:
    """Say what the files expose, what each part calls, and what is wrong. Exit code 1 if they cannot be run.

    Nothing is called. A variable that the files bind and the environment has not is told, and is no error here.
    """
    from palio.surfaces.capability.loading import load

    loaded = load(files, os.environ, base_uri, "bound", port_offset)
    if loaded.ports:
        typer.echo(_explain(loaded.ports))
    _say_warnings((*loaded.unset, *loaded.warnings))
    for error in loaded.errors:
        typer.echo(f"Error: {error}", err=True)
    if loaded.errors:
        raise typer.Exit(1)


def _say_warnings(warnings: "Sequence[Finding]") -> None:
    for warning in warnings:
        typer.echo(f"Warning: {warning}", err=True)


def _explain(ports: "Sequence[Port]") -> str:
    rows = [("PORT", "EXPOSES", "", "CALLS")]
    for port in ports:
        number = str(port.number)
        rows += [(number, route.method, str(route.path), str(route.call)) for route in port.routes]
        rows += [(number, "tool", tool.name, str(tool.call)) for tool in port.tools]
        rows += [(number, "skill", entry.skill.name, str(entry.folder or "")) for entry in port.skills]
    return columns(rows)
