"""What tests share: real servers, as processes of their own, on loopback ports that the system chose."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from palio.providers.registry import VENDORS

CONFIG = """
# Grok takes its time here, so that tests can look at workflows that are under way.
[providers.slow]
kind = "scripted"
seconds = 60
families = "grok"

[providers.strict]
kind = "scripted"
families = "seedream"
refuse = "forbidden"
tiny = true

[providers.broken]
kind = "scripted"
families = "flux1-kontext"
fail = 1.0
"""

READY = re.compile(r"Palio is ready at (http://\S+)  \(MCP: (http://[^\s,]+)")


@dataclass(slots=True)
class Server:
    """A running `palio serve`."""

    url: str
    token: str
    data: Path
    process: "subprocess.Popen[str]"
    mcp_url: str

    def client(self, token: str | None = None) -> httpx.Client:
        """An HTTP client with a bearer token."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def another_token(self, name: str = "other") -> str:
        """The token of a new account, made while the server runs."""
        command = [*PALIO, "token", "create", name, "--data", str(self.data)]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout.strip()


PALIO = [sys.executable, "-m", "palio.surfaces.cli"]


def environment(**more: str) -> dict[str, str]:
    """This environment without settings of Palio, and keys of vendors, but those named."""
    keys = {vendor.key_variable for vendor in VENDORS.values()}
    return {key: value for key, value in os.environ.items() if not key.startswith("PALIO_") and key not in keys} | more


@contextmanager
def running(data: Path, config: str = CONFIG, *options: str, **variables: str) -> Iterator[Server]:
    """A server on a data folder, stopped at the end."""
    data.mkdir(parents=True, exist_ok=True)
    file = data / "palio.toml"
    file.write_text(config)
    command = [*PALIO, "serve", "--port", "0", "--mcp-port", "0", "--data", str(data), "--config", str(file), *options]
    log = data / "server.log"
    # Not a pipe: a server whose log nobody reads would come to a halt when the pipe is full.
    with log.open("a") as written:
        start = written.tell()
        process = subprocess.Popen(command, stderr=written, stdout=written, text=True, env=environment(**variables))
    try:
        url, mcp_url = _addresses(process, log, start)
        yield Server(url, (data / "token").read_text().strip(), data, process, mcp_url)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


def _addresses(process: "subprocess.Popen[str]", log: Path, start: int) -> tuple[str, str]:
    """Where a server that was just started answers REST and MCP; it says so in its log, after `start`."""
    while True:
        is_over = process.poll() is not None
        said = log.read_bytes()[start:].decode()
        if found := READY.search(said):
            return found[1], found[2]
        assert not is_over, f"the server did not start: {said}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not stop or break it."""
    with running(tmp_path_factory.mktemp("server")) as started:
        yield started
