"""The server as a process among others: signals that reach its children, parts that fail, folders that move."""

import asyncio
import os
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.conftest import PALIO, READY, environment, running

from palio.blobs.fetch import Fetcher
from palio.engine.orchestrator import Orchestrator
from palio.errors import PalioError
from palio.providers.base import Provider
from palio.providers.hosted.account import Fetch
from palio.providers.scripted import Script, Scripted
from palio.resources.weights import Weights
from palio.settings import Settings
from palio.surfaces.server import Palio
from palio.surfaces.tokens import ensure_first_token, list_tokens, open_store

SKETCH = {
    "$type": "imageGen",
    "input": {
        "engine": "sdcpp",
        "ecosystem": "zImage",
        "model": "turbo",
        "operation": "createImage",
        "prompt": "a pear",
        "width": 128,
        "height": 128,
    },
}


def test_ctrl_c_which_reaches_the_drawing_processes_too_ends_all_without_a_word(tmp_path: Path) -> None:
    # Given a server in a process group of its own, as a terminal makes them, with children that wait for work
    command = [*PALIO, "serve", "--port", "0", "--mcp-port", "0", "--data", str(tmp_path)]
    log = tmp_path / "log"
    with log.open("w") as written:
        process = subprocess.Popen(command, stderr=written, env=environment(), start_new_session=True)
    while not (found := READY.search(log.read_text())):
        assert process.poll() is None, log.read_text()
    headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
    reply = httpx.post(
        f"{found[1]}/v2/consumer/workflows?wait=60", json={"steps": [SKETCH]}, headers=headers, timeout=90
    )
    assert reply.json()["status"] == "succeeded"

    os.killpg(process.pid, signal.SIGINT)
    process.wait(20)

    assert log.read_text().count("\n") == 1, log.read_text()


@pytest.mark.parametrize("when", ["start", "later"])
async def test_a_server_of_which_a_part_fails_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    class Broken(Scripted):
        async def open(self) -> None:
            if when == "start":
                raise RuntimeError("out of order")

    async def break_down(_: Orchestrator) -> None:
        raise RuntimeError("out of order")

    if when == "later":
        monkeypatch.setattr(Orchestrator, "serve", break_down)
    monkeypatch.setattr("palio.surfaces.server.configured", lambda *_: {"broken": Broken("broken", 1, None, Script())})

    settings = Settings(data=tmp_path)
    with closing(open_store(settings)) as store, socket.create_server(("127.0.0.1", 0)) as listening:
        async with asyncio.timeout(10):
            with pytest.raises(PalioError, match="its log says why"):
                await Palio(settings, store, listening.getsockname(), ("127.0.0.1", 0)).serve(listening)

    assert "out of order" in caplog.text


async def test_what_one_part_fails_to_close_leaves_no_other_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[object] = []
    fetches: list[object] = []
    both = asyncio.Barrier(2)

    class Stuck(Scripted):
        async def open(self) -> None:
            await both.wait()  # One after the other they would never be open.

        async def close(self) -> None:
            closed.append(self.name)
            raise RuntimeError(f"{self.name} is stuck")

    class Recorded(Fetcher):
        async def close(self) -> None:
            closed.append(self)
            await super().close()

    async def break_down(_: Orchestrator) -> None:
        raise RuntimeError("out of order")

    def stuck(_: Settings, fetch: Fetch, weights: Weights) -> dict[str, Provider]:
        fetches.append(fetch.__self__)
        return {name: Stuck(name, 1, None, Script()) for name in ("first", "second")}

    monkeypatch.setattr(Orchestrator, "serve", break_down)
    monkeypatch.setattr("palio.surfaces.server.configured", stuck)
    monkeypatch.setattr("palio.surfaces.server.Fetcher", Recorded)

    settings = Settings(data=tmp_path)
    with closing(open_store(settings)) as store, socket.create_server(("127.0.0.1", 0)) as listening:
        async with asyncio.timeout(10):
            with pytest.raises(PalioError, match="its log says why"):
                await Palio(settings, store, listening.getsockname(), ("127.0.0.1", 0)).serve(listening)

    # Then all is closed: both providers, what fetches their results, and what fetches for users.
    results, users = [each for each in closed if isinstance(each, Recorded)]
    assert {"first", "second"} < set(closed)
    assert fetches == [results]
    assert users is not results


def test_a_token_of_another_database_is_replaced(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with closing(open_store(settings)) as store:
        ensure_first_token(settings, store.tokens)
        first = settings.token_file.read_text()
        ensure_first_token(settings, store.tokens)
        assert settings.token_file.read_text() == first
    (tmp_path / "palio.db").unlink()

    with closing(open_store(settings)) as store:
        ensure_first_token(settings, store.tokens)

    assert settings.token_file.read_text() != first
    assert settings.token_file.stat().st_mode & 0o777 == 0o600
    assert len(list_tokens(settings)) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_address_it_says_is_one(tmp_path: Path, host: str) -> None:
    with running(tmp_path, "", "--host", host) as server:
        assert httpx.get(f"{server.url}/health").status_code == 200


def test_what_is_kept_in_a_folder_that_others_may_enter_is_the_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    with running(data) as server, server.client() as client:
        client.post("/v2/consumer/workflows", params={"wait": 30}, json={"steps": [SKETCH]}).raise_for_status()

        kept = [path for path in data.rglob("*") if path.is_file() and path.name not in ("palio.toml", "server.log")]

    assert len(kept) > 3
    assert [path.name for path in kept if path.exists() and path.stat().st_mode & 0o077] == []
