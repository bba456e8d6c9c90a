"""`palio simulate`: the race in virtual time, beside simpler policies."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def simulate(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A .toml file, or stragglers, outage, own-gpu, bursts or flood.")
    ],
    jobs: Annotated[
        int | None, typer.Option(min=1, max=100_000_000, help="How many. [dim](default: the scenario's count)[/dim]")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed brings the same results.")] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the report goes. [dim](default: simulation-NAME)[/dim]")
    ] = None,
) -> None:
    """Simulate the race among providers that a file describes, and write a report with plots.

    The same jobs also go to each provider alone, to all in turns, and to hedges after a fixed delay.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from palio.race.simulation.report import FRONTIER, need_plots, write_report
    from palio.race.simulation.scenario import load_scenario
    from palio.race.simulation.simulate import baselines, racing
    from palio.race.simulation.simulate import simulate as run

    need_plots()
    read = load_scenario(scenario)
    count = jobs or read.count
    out = out or Path(f"simulation-{Path(scenario).stem}")
    ours = [racing(0.0)] if not read.jobs.hedge else [racing(read.jobs.hedge), racing(0.0, "race, no hedges")]
    candidates = [*ours, *baselines(read)]
    columns = (TextColumn("{task.description:30}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        results = []
        for candidate in candidates:
            task = progress.add_task(candidate.name, total=count)
            results.append(run(read, candidate, count, seed, partial(progress.advance, task)))
        frontier = []
        for share in FRONTIER if read.jobs.hedge else ():
            fewer = max(1, count // 5)
            task = progress.add_task(f"frontier, {100 * share:g} %", total=fewer)
            result = run(read, racing(share), fewer, seed, partial(progress.advance, task))
            frontier.append((share, result))
    typer.echo(write_report(read, results, frontier, seed, out))
