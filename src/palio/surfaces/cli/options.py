"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(envvar="PALIO_URL", metavar="URL", help="The server. [dim](default: http://127.0.0.1:8080)[/dim]"),
]
Token: TypeAlias = Annotated[
    str | None,
    typer.Option(
        envvar="PALIO_TOKEN",
        metavar="TOKEN",
        help="Bearer token. [dim](default: the one in this machine's data folder)[/dim]",
    ),
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the server's document on standard output and nothing else.")
]
WorkflowId: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The workflow's id.")]

Data: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Data folder. [dim](PALIO_DATA; default: palio in XDG_DATA_HOME or ~/.local/share)[/dim]",
    ),
]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Configuration file. [dim](PALIO_CONFIG; default: palio.toml of the working directory, if there)[/dim]",
    ),
]
