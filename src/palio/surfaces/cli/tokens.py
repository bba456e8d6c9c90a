"""`palio token`: who may use the server. Works on its database, so also while it runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from palio.surfaces.cli.columns import columns
from palio.surfaces.cli.options import Config, Data

if TYPE_CHECKING:
    from palio.store.tokens import TokenInfo

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke tokens (on the server's machine).")


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom or what the token is for.")],
    operator: Annotated[
        bool, typer.Option("--operator", help="May also see providers, their health and what they cost.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a token and print it. It is kept only as a hash and cannot be shown again."""
    from palio.settings import load_settings
    from palio.surfaces.tokens import create_token

    typer.echo(create_token(load_settings({"data": data}, config), name, operator=operator))


@app.command("list")
def list_(data: Data = None, config: Config = None) -> None:
    """Show the tokens there are, never their secrets."""
    from palio.settings import load_settings
    from palio.surfaces.tokens import list_tokens

    rows = [
        (str(token.id), token.name, f"{token.created_at:%Y-%m-%d %H:%M}", _state(token))
        for token in list_tokens(load_settings({"data": data}, config))
    ]
    typer.echo(columns([("ID", "NAME", "CREATED", ""), *rows]))


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="NAME-OR-ID", help="As `palio token list` shows it.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a token useless from now on. Its workflows stay."""
    from palio.settings import load_settings
    from palio.surfaces.tokens import revoke_token

    revoke_token(load_settings({"data": data}, config), token)
    typer.echo(f"Revoked {token}", err=True)


def _state(token: "TokenInfo") -> str:
    return "revoked" if token.revoked_at else "operator" if token.operator else ""
