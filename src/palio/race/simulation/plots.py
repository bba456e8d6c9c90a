"""Plots of simulations. The only module that needs matplotlib."""

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from palio.race.simulation.results import Cycle, Latencies, Results

OURS = "#c8102e"
OTHERS = ("#1f5fa8", "#6aa84f", "#b58900", "#7b4fa3", "#4a4a4a", "#20a0a0", "#d07b2a", "#909090")
UNHEDGED = "race, no hedges"
SLICES = 90
SHARES = [index / 400 for index in range(400)] + [0.9975 + index / 4000 for index in range(10)]


def draw_latencies(latencies: Mapping[str, Latencies], path: Path) -> None:
    """The share of jobs that take longer than so many seconds, both on logarithmic axes."""
    figure, axes = _figure()
    for index, (name, seconds) in enumerate(latencies.items()):
        left = [1 - share for share in SHARES]
        axes.plot(
            [seconds.quantile(share) for share in SHARES],
            left,
            label=name,
            color=_color(name, index),
            linestyle=_line(name),
        )
    axes.set(
        xscale="log", yscale="log", xlabel="seconds from arrival to image", ylabel="share of jobs that take longer"
    )
    axes.set_ylim(0.001, 1)
    for share, label in ((0.5, "p50"), (0.05, "p95"), (0.01, "p99")):
        axes.axhline(share, color="#bbbbbb", linewidth=0.7, zorder=0)
        axes.text(0.995, share, label, transform=axes.get_yaxis_transform(), ha="right", va="bottom", color="#777777")
    _finish(figure, axes, path)


def draw_costs(costs: Mapping[str, tuple[float, float]], path: Path) -> None:
    """USD for a thousand images against p99, a point for each policy."""
    figure, axes = _figure()
    for index, (name, (p99, cost)) in enumerate(costs.items()):
        axes.plot(
            p99, cost, "o", color=_color(name, index), markersize=9, alpha=0.5 if _line(name) == "--" else 1, label=name
        )
    axes.set(xscale="log", xlabel="p99 in seconds", ylabel="USD for a thousand images")
    _finish(figure, axes, path)


def draw_frontier(points: Sequence[tuple[float, float, float]], others: Mapping[str, float], path: Path) -> None:
    """p99 against what hedging costs: `points` are budget, extra spend and p99; `others` are p99 by policy."""
    figure, axes = _figure()
    axes.plot([100 * extra for _, extra, _ in points], [p99 for _, _, p99 in points], "o-", color=OURS, label="race")
    for budget, extra, p99 in points:
        axes.annotate(f"{100 * budget:g} %", (100 * extra, p99), (4, 6), textcoords="offset points", fontsize=8)
    for index, (name, p99) in enumerate(others.items()):
        axes.axhline(p99, color=OTHERS[index % len(OTHERS)], linestyle=":", label=name)
    axes.set(xlabel="more spent than without hedges, % (labels: the budget)", ylabel="p99 in seconds")
    axes.set_ylim(bottom=0)
    _finish(figure, axes, path)


def draw_time_line(results: Sequence[Results], cycle: Cycle, marks: Sequence[tuple[float, float]], path: Path) -> None:
    """p50, success and open jobs over a cycle; `marks` are stretches to shade."""
    figure, panels = plt.subplots(3, 1, figsize=(7.6, 6.6), sharex=True, layout="constrained")
    seconds = (cycle.until - cycle.since) / SLICES
    for index, result in enumerate(results):
        slices = list(result.slices(seconds, cycle))
        at = [slice_.at for slice_ in slices]
        color, line, name = _color(result.policy, index), _line(result.policy), result.policy
        panels[0].plot(
            at, [slice_.latencies.quantile(0.5) for slice_ in slices], color=color, linestyle=line, label=name
        )
        panels[1].plot(at, [100 * slice_.success for slice_ in slices], color=color, linestyle=line)
        panels[2].plot(at, [slice_.open or nan for slice_ in slices], color=color, linestyle=line)
    for axes, label in zip(panels, ("p50, seconds", "jobs with an image, %", "open jobs"), strict=True):
        axes.set_ylabel(label)
        _tidy(axes)
        for since, until in marks:
            axes.axvspan(since, until, color="#f3e3c3", zorder=0)
    panels[0].set_yscale("log")
    panels[1].set_ylim(-3, 103)
    panels[2].set_yscale("log")
    panels[2].set_xlabel("arrival, seconds")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    _save(figure, path)


def draw_fairness(by_policy: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """p95 of each account under each policy."""
    figure, axes = _figure()
    width = 0.8 / len(by_policy)
    for index, (policy, accounts) in enumerate(by_policy.items()):
        places = [number + index * width for number in range(len(accounts))]
        axes.bar(places, list(accounts.values()), width, color=_color(policy, index), label=policy)
        names = list(accounts)
    axes.set_xticks([number + 0.4 - width / 2 for number in range(len(names))], names, rotation=60, fontsize=7)
    axes.set(yscale="log", ylabel="p95 in seconds")
    _finish(figure, axes, path)


def _color(name: str, index: int) -> str:
    return OURS if name.startswith("race") else OTHERS[index % len(OTHERS)]


def _line(name: str) -> str:
    return "--" if name == UNHEDGED else "-"


def _figure() -> tuple[Figure, Axes]:
    return plt.subplots(figsize=(7.6, 4.4), layout="constrained")


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)


def _finish(figure: Figure, axes: Axes, path: Path) -> None:
    _tidy(axes)
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=100)
    plt.close(figure)
