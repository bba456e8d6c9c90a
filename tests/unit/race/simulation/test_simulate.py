"""What holds in every scenario under every policy."""

from math import isnan

import pytest

from palio.race.simulation.report import write_report
from palio.race.simulation.results import Results
from palio.race.simulation.scenario import load_scenario, scenario_names
from palio.race.simulation.simulate import baselines, racing, simulate

JOBS = 4_000
OWN = ["bursts", "flood", "outage", "own-gpu", "stragglers"]


def race(name: str, hedge: float, seed: int = 1) -> Results:
    return simulate(load_scenario(name), racing(hedge), JOBS, seed)


def test_five_scenarios_come_with_palio():
    assert scenario_names() == OWN


@pytest.mark.parametrize("hedge", [0.0, 0.05])
@pytest.mark.parametrize("name", OWN)
def test_the_race_keeps_its_promises(name: str, hedge: float):
    # When a scenario is raced
    results = race(name, hedge)
    # Then every job was brought to its end, and none was lost
    assert (results.count, results.undecided, results.lost) == (JOBS, 0, 0)
    assert not any(isnan(end) for end in results.finished)
    assert all(end > start for start, end in zip(results.arrived, results.finished, strict=True))
    # And no provider had more runs than places
    places = {table.name: table.places for table in load_scenario(name).providers}
    assert all(results.most_running[provider] <= places[provider] for provider in places)
    # And hedges cost no more than their share
    assert results.hedge_quotes <= hedge * results.first_quotes + 1e-9
    # And every attempt is one job's first success, one that failed, or one that lost
    assert sum(results.runs.values()) <= JOBS + results.failed_runs + results.hedges


@pytest.mark.parametrize("name", OWN)
def test_every_job_is_decided_under_simpler_policies_too(name: str):
    scenario = load_scenario(name)
    for candidate in baselines(scenario):
        results = simulate(scenario, candidate, 1_000, 1)
        assert (results.count, results.undecided) == (1_000, 0)
        assert sum(isnan(end) for end in results.finished) == results.lost


def test_the_same_seed_brings_the_same_results():
    assert race("stragglers", 0.05) == race("stragglers", 0.05)
    assert race("stragglers", 0.05).finished != race("stragglers", 0.05, seed=2).finished


def test_hedges_take_the_tail_off():
    plain, hedged = race("stragglers", 0.0), race("stragglers", 0.05)
    assert hedged.latencies().quantile(0.99) < plain.latencies().quantile(0.99) / 2
    assert hedged.cost_per_thousand < 1.06 * plain.cost_per_thousand


def test_a_flood_is_waited_for_by_whoever_sends_it():
    results = simulate(load_scenario("flood"), racing(0.0), JOBS, 1)
    p95 = {name: results.latencies(index).quantile(0.95) for index, name in enumerate(results.accounts)}
    flood = p95.pop("flood")
    assert max(p95.values()) < flood / 5


@pytest.mark.parametrize("name", ["flood", "outage"])
def test_a_report_shows_tables_and_plots(name: str, tmp_path):
    scenario = load_scenario(name)
    results = [simulate(scenario, candidate, 1_000, 1) for candidate in (racing(0.0), *baselines(scenario))]
    report = write_report(scenario, results, [(0.0, results[0])], 1, tmp_path).read_text()
    assert "round-robin" in report
    for plot in tmp_path.glob("*.png"):
        assert f"({plot.name})" in report
