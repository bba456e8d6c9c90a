"""That the benchmarks run. What they measure is for the documentation, not for a test."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import environment

ROOT = Path(__file__).parents[2]

Measured = Callable[..., tuple[str, str]]


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    """Runs the benchmark for a short while: its report, and what it says."""

    def run(*arguments: str) -> tuple[str, str]:
        report = tmp_path / "report.md"
        short = ["--requests", "64", "--rounds", "1", "--markdown", str(report)]
        command = [sys.executable, "bench/run.py", *arguments, *short]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment())
        assert done.returncode == 0, done.stderr
        return report.read_text(), done.stdout

    return run


def test_it_measures_what_mcp_adds(measured: Measured) -> None:
    report, _ = measured("--tools")

    rows = re.findall(r"^\| get a workflow, ([A-Za-z ]+) \| (\d+) \|", report, re.MULTILINE)
    assert rows == [(what, count) for count in ("1", "16") for what in ("REST", "MCP with a session", "MCP without")]


def test_it_measures_every_row_and_says_what_it_found(measured: Measured) -> None:
    report, said = measured()

    rows = re.findall(r"^\| ([a-z ]+) \| (\d+) \| [\d,]+ \|.*\| \d+% \|$", report, re.MULTILINE)
    assert [int(in_flight) for _, in_flight in rows] == [1, 1, 1, 64, 64, 64, 512, 512, 512]
    assert "to the first reply" in said


def test_what_the_capability_runner_adds_is_measured_beside_going_directly(measured: Measured) -> None:
    report, _ = measured("--capability")

    assert re.findall(r"^\| (\d+) \| [\d,]+ \| [\d,]+ \| \d+% \|", report, re.MULTILINE) == ["1", "64"]


def test_what_following_runs_costs_is_measured(measured: Measured) -> None:
    report, _ = measured("--polling", "--jobs", "20", "--run-seconds", "15")

    assert "20 jobs at the same time" in report
    assert re.search(r"a run is asked about \d+\.\d times", report)
