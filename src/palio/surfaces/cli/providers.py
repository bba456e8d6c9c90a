"""`palio providers`: how the providers of a server stand."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from palio.contract.operators import ModelReport, ProviderReport, ProviderReports
from palio.surfaces.cli import check
from palio.surfaces.cli.client import connected
from palio.surfaces.cli.columns import columns
from palio.surfaces.cli.options import AsJson, Token, Url

app = typer.Typer()
app.command()(check.check)

HEAD = ("NAME", "KIND", "STATE", "RUNNING", "WAITING", "MEDIAN", "SUCCESS", "SPENT")
MODELS_HEAD = ("NAME", "FAMILY", "MODEL", "FOR")


@app.callback(invoke_without_command=True)
def providers(
    context: typer.Context,
    models: Annotated[bool, typer.Option("--models", help="Show the models that each has.")] = False,
    url: Url = None,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Show every provider: what runs and waits there, faults, speed and spend. Needs an operator's token.

    The median is seconds for a megapixel at 20 steps; spend is USD since the server started, as the provider said or
    else as it offered.
    """
    if context.invoked_subcommand is not None:
        return
    with connected(url, token) as client:
        reply = client.providers()
    if json:
        typer.echo(reply)
        return
    reports = msgspec.json.decode(reply, type=ProviderReports)
    if models:
        typer.echo(columns([MODELS_HEAD, *(row for report in reports.items for row in _served(report))]))
        return
    typer.echo(columns([HEAD, *(_row(report) for report in reports.items)]))
    for report in reports.items:
        if report.reason:
            typer.echo(f"{report.name}: {report.reason}", err=True)


def _row(report: ProviderReport) -> tuple[str, ...]:
    busiest = max(report.models, key=lambda model: model.runs, default=None)
    return (
        report.name,
        report.kind,
        report.state,
        f"{report.running}/{report.limit}",
        str(report.waiting),
        _seconds(busiest),
        f"{busiest.success:.0%}" if busiest is not None and busiest.runs else "-",
        f"${report.spent:.2f}",
    )


def _served(report: ProviderReport) -> Iterator[tuple[str, ...]]:
    for it in report.serves:
        yield report.name, it.family, it.model, ", ".join(it.members)


def _seconds(model: ModelReport | None) -> str:
    return f"{model.median_seconds:.3g} s" if model is not None and model.runs else "-"
