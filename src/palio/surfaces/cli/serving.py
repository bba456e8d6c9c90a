"""`palio serve`: the orchestrator itself."""

from enum import StrEnum
from typing import Annotated

import typer

from palio.surfaces.cli.options import Config, Data


class LogLevel(StrEnum):
    """How much the server says."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [dim](default: 127.0.0.1)[/dim]")] = None,
    port: Annotated[
        int | None, typer.Option(help="REST, and its description at /docs. [dim](default: 8080; 0: any)[/dim]")
    ] = None,
    mcp_port: Annotated[
        int | None, typer.Option(help="MCP for agents, at /mcp. [dim](default: 9090; 0: any)[/dim]")
    ] = None,
    mcp_aliases: Annotated[
        bool, typer.Option("--mcp-aliases", help="Offer the MCP tools by the service's own names too.")
    ] = False,
    data: Data = None,
    config: Config = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="How much to say. [dim](default: info)[/dim]")] = None,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="One JSON object per line of the log.")] = False,
) -> None:
    """Run the server until it is told to stop.

    The first start makes a token and keeps it in the data folder, so that commands on this machine need none.
    """
    from palio.settings import load_settings
    from palio.surfaces.server import serve as serve_until_stopped

    flags = {
        "host": host,
        "port": port,
        "mcp_port": mcp_port,
        "mcp_aliases": mcp_aliases or None,
        "data": data,
        "log_level": log_level.value if log_level else None,
        "json_logs": json_logs or None,
    }
    serve_until_stopped(load_settings(flags, config))
