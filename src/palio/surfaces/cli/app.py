"""The commands and their grouping in `palio --help`."""

from typing import Annotated

import typer

from palio import __version__
from palio.surfaces.cli import (
    agents,
    capability,
    configuration,
    image,
    providers,
    resources,
    serving,
    simulate,
    tokens,
    workflows,
)

MAKE = "Make something"
FOLLOW = "Follow and manage workflows"
RUN = "Run a server"
AGENTS = "Connect agents"

app = typer.Typer(
    name="palio",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
[bold]Examples[/bold]

    palio serve

    palio image "a lighthouse made of books" --quantity 2 --out pictures

    palio submit workflow.json --wait 60 --json

    palio list --status processing

Client commands use the server on this machine; --url and --token, or PALIO_URL and PALIO_TOKEN, name another.

Exit codes: 0 done, 1 failed or refused, 2 usage, 3 server not reached, 130 interrupted.
""",
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"palio {__version__}")
        raise typer.Exit


@app.callback()
def palio(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """One contract in front, many providers racing behind it: a self-hosted orchestrator for generative AI."""


app.command(rich_help_panel=RUN)(serving.serve)
app.command(rich_help_panel=MAKE)(image.image)
app.command(rich_help_panel=MAKE)(workflows.submit)
app.command(rich_help_panel=FOLLOW)(workflows.get)
app.command("list", rich_help_panel=FOLLOW)(workflows.list_workflows)
app.command(rich_help_panel=FOLLOW)(workflows.watch)
app.command(rich_help_panel=FOLLOW)(workflows.cancel)
app.command(rich_help_panel=FOLLOW)(workflows.delete)
app.add_typer(providers.app, name="providers", rich_help_panel=RUN)
app.command(rich_help_panel=AGENTS)(agents.mcp)
app.add_typer(agents.app, name="skill", rich_help_panel=AGENTS)
app.add_typer(resources.app, name="resources", rich_help_panel=RUN)
app.add_typer(tokens.app, name="token", rich_help_panel=RUN)
app.add_typer(capability.app, name="capability", rich_help_panel=RUN)
app.add_typer(configuration.app, name="config", rich_help_panel=RUN)
app.command(rich_help_panel=RUN)(simulate.simulate)
