"""What a person reads of a scenario's simulations: tables in Markdown, beside plots."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path

from palio.errors import SetupError
from palio.race.simulation.results import Cycle, Latencies, Results, jain
from palio.race.simulation.scenario import Outage, Scenario

FRONTIER = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Budgets for hedges, as shares of what jobs cost, between which the frontier is drawn."""

MARGIN = 300.0
"""Seconds shown before and after an outage or a burst."""


def need_plots() -> None:
    """Raises SetupError where matplotlib is missing, before an hour is spent on simulating."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SetupError(
            "simulate draws with matplotlib, which is not installed: pip install 'palio[simulate]'"
        ) from None


def write_report(
    scenario: Scenario, results: Sequence[Results], frontier: Sequence[tuple[float, Results]], seed: int, out: Path
) -> Path:
    """Write `report.md` and its plots into a folder; returns the report. The race comes first in `results`."""
    from palio.race.simulation import plots

    out.mkdir(parents=True, exist_ok=True)
    latencies = {result.policy: result.latencies() for result in results}
    plots.draw_latencies(latencies, out / "latency.png")
    costs = {r.policy: (latencies[r.policy].quantile(0.99), r.cost_per_thousand) for r in results}
    plots.draw_costs(costs, out / "cost.png")
    parts = [
        f"# {scenario.title}",
        scenario.about.strip(),
        f"{results[0].count:,} jobs, seed {seed}.",
        _table(results, latencies),
        "![Latency](latency.png)\n\n![Cost](cost.png)",
    ]
    if frontier:
        parts += ["## What hedges cost and bring", *_frontier(frontier, latencies, out)]
    if cycle := _cycle(scenario):
        marks = _marks(scenario)
        plots.draw_time_line(_shown(results), cycle, marks, out / "time-line.png")
        parts += ["## Over time", _disturbance(results, cycle, marks), "![Time line](time-line.png)"]
    if len(results[0].accounts) > 1:
        parts += ["## Between accounts", *_fairness(_shown(results), out)]
    report = out / "report.md"
    report.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    return report


def _table(results: Sequence[Results], latencies: dict[str, Latencies]) -> str:
    rows = []
    for result in results:
        seconds = latencies[result.policy]
        quantiles = [_number(seconds.quantile(share)) for share in (0.5, 0.95, 0.99, 0.999)]
        money = [_number(result.cost_per_thousand), f"{100 * result.extra_share:.1f} %"]
        rows.append([result.policy, *quantiles, *money, f"{result.lost:,}", f"{result.failed_runs:,}"])
    head = ["policy", "p50 s", "p95 s", "p99 s", "p99.9 s", "USD per 1000", "extra", "lost jobs", "failed runs"]
    return _rows(head, rows)


def _frontier(frontier: Sequence[tuple[float, Results]], latencies: dict[str, Latencies], out: Path) -> Sequence[str]:
    from palio.race.simulation import plots

    base = frontier[0][1].cost_per_thousand
    points = [(b, r.cost_per_thousand / base - 1, r.latencies().quantile(0.99)) for b, r in frontier]
    others = {name: seconds.quantile(0.99) for name, seconds in latencies.items() if not name.startswith("race")}
    plots.draw_frontier(points, others, out / "frontier.png")
    rows = [
        [f"{100 * budget:g} %", f"{100 * more:.1f} %", f"{result.hedges:,}", _number(p99)]
        for (budget, more, p99), (_, result) in zip(points, frontier, strict=True)
    ]
    head = ["budget", "more spent than without", "hedges", "p99 s"]
    return [f"With {frontier[0][1].count:,} jobs each.", _rows(head, rows), "![Frontier](frontier.png)"]


def _disturbance(results: Sequence[Results], cycle: Cycle, marks: Sequence[tuple[float, float]]) -> str:
    since, until = marks[0]
    rows = []
    for result in results:
        slices = list(result.slices(10.0, cycle))
        # Means over slices of ten seconds, in which about as many jobs come.
        before = _mean([s.latencies.quantile(0.5) for s in slices if s.at < since])
        within = _mean([s.latencies.quantile(0.5) for s in slices if since <= s.at < until])
        lost = sum(s.lost for s in slices)
        most = max(s.open for s in slices)
        rows.append(
            [result.policy, _number(before), _number(within), _number(within - before), f"{lost:,}", f"{most:,.0f}"]
        )
    return _rows(["policy", "p50 before, s", "p50 within, s", "added, s", "lost jobs", "most open jobs"], rows)


def _fairness(results: Sequence[Results], out: Path) -> Sequence[str]:
    from palio.race.simulation import plots

    by_policy: dict[str, dict[str, float]] = {}
    rows = []
    for result in results:
        # An account's jobs are told apart by its index, which depends on who came first.
        order = sorted(range(len(result.accounts)), key=lambda index: _natural(result.accounts[index]))
        seconds = {result.accounts[index]: result.latencies(index) for index in order}
        p95 = by_policy[result.policy] = {name: each.quantile(0.95) for name, each in seconds.items()}
        worst = max(p95, key=lambda name: p95[name])
        others = [value for name, value in p95.items() if name != worst]
        index = jain([1 / each.mean for each in seconds.values() if len(each)])
        rows.append([result.policy, f"{worst}: {_number(p95[worst])}", _number(max(others)), f"{index:.2f}"])
    plots.draw_fairness(by_policy, out / "fairness.png")
    head = ["policy", "account with the longest p95, s", "longest p95 of the others, s", "Jain's index of speed"]
    return [_rows(head, rows), "![Fairness](fairness.png)"]


def _natural(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("-")
    return (stem, int(number)) if number.isdigit() else (name, 0)


def _shown(results: Sequence[Results]) -> Sequence[Results]:
    """Those that a plot has room for: of the providers alone, the first."""
    alone = [result for result in results if result.policy.endswith(" alone")]
    return [result for result in results if all(result is not other for other in alone[1:])]


def _cycle(scenario: Scenario) -> Cycle | None:
    marks = _marks(scenario)
    if not marks:
        return None
    every = next((outage.every for outage in scenario.outages), None)
    if not scenario.outages:
        every = next((account.bursts.every for account in scenario.accounts if account.bursts), None)
    since, until = marks[0]
    since, until = max(0.0, since - MARGIN), until + 2 * MARGIN
    return Cycle(since, until if every is None else min(until, since + every), every)


def _marks(scenario: Scenario) -> Sequence[tuple[float, float]]:
    stretches: Sequence[Outage] = scenario.outages
    if stretches:
        return [(min(o.start for o in stretches), max(o.start + o.lasts for o in stretches))]
    bursts = [account.bursts for account in scenario.accounts if account.bursts]
    return [(burst.start, burst.start + burst.lasts) for burst in bursts[:1]]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def _number(value: float) -> str:
    return "–" if isnan(value) else f"{value:,.2f}"


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
