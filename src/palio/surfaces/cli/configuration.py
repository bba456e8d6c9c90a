"""`palio config`: what the server would run with."""

import typer

from palio.surfaces.cli.columns import columns
from palio.surfaces.cli.options import Config, Data

app = typer.Typer(no_args_is_help=True, help="Show the configuration.")


@app.callback()
def configuration() -> None:
    """Keeps `show` a command of its own while it is the only one."""


@app.command()
def show(data: Data = None, config: Config = None) -> None:
    """Show every effective setting and where it came from; secrets are masked."""
    from palio.settings import sources

    rows = [(source.name, source.value, source.origin) for source in sources({"data": data}, config)]
    typer.echo(columns([("SETTING", "VALUE", "FROM"), *rows]))
