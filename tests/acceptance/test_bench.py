"""That the benchmarks run. What they measure is for the documentation, not for a test."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import environment

ROOT = Path(__file__).parents[2]


def test_it_measures_what_mcp_adds(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    command = [
        sys.executable,
        "bench/run.py",
        "--tools",
        "--requests",
        "64",
        "--rounds",
        "1",
        "--markdown",
        str(report),
    ]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment())

    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| get a workflow, ([A-Za-z ]+) \| (\d+) \|", report.read_text(), re.MULTILINE)
    assert rows == [(what, count) for count in ("1", "16") for what in ("REST", "MCP with a session", "MCP without")]


def test_it_measures_every_row_and_says_what_it_found(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    command = [sys.executable, "bench/run.py", "--requests", "64", "--rounds", "1", "--markdown", str(report)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment())

    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| ([a-z ]+) \| (\d+) \| [\d,]+ \|.*\| \d+% \|$", report.read_text(), re.MULTILINE)
    assert [int(in_flight) for _, in_flight in rows] == [1, 1, 1, 64, 64, 64, 512, 512, 512]
    assert "to the first reply" in done.stdout


def test_what_the_capability_runner_adds_is_measured_beside_going_directly(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    command = [
        sys.executable,
        "bench/run.py",
        "--capability",
        "--requests",
        "64",
        "--rounds",
        "1",
        "--markdown",
        str(report),
    ]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment())

    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\| (\d+) \| [\d,]+ \| [\d,]+ \| \d+% \|", report.read_text(), re.MULTILINE) == ["1", "64"]
