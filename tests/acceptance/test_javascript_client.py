"""Programs written for the published JavaScript client work against this server: they compile, and they run."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

PROJECT = Path(__file__).parent / "javascript"


class Server(Protocol):
    """A running `palio serve`."""

    url: str
    token: str


@pytest.fixture(scope="module")
def project() -> Path:
    """The Node project with its packages, which need Node.js 20 or later and, the first time, a network."""
    # Node is not optional: without it, nothing would tell that real clients broke.
    assert shutil.which("node"), "install Node.js 20 or later to run the acceptance tests"
    assert shutil.which("npm"), "install npm, which comes with Node.js, to run the acceptance tests"
    # npm writes this file last, so an install that was interrupted is done again.
    if not (PROJECT / "node_modules" / ".package-lock.json").is_file():
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    return PROJECT


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in the project to its end; a failure shows what it wrote."""
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.usefixtures("project")
def test_programs_with_the_clients_types_compile() -> None:
    run("npm", "run", "--silent", "types")


@pytest.mark.usefixtures("project")
def test_every_operation_answers_as_the_client_expects(server: Server) -> None:
    done = run("npm", "run", "--silent", "drive", PALIO_URL=server.url, PALIO_TOKEN=server.token)

    checks = json.loads(done.stdout)
    assert {check["name"]: check["detail"] for check in checks if not check["ok"]} == {}
    assert len(checks) > 60
