"""Who may come in: tokens, Host and Origin, bounds."""

import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.conftest import CONFIG, PALIO, environment, running
from tests.integration.mcp.conftest import LATEST_WITH_SESSION, Wire

from palio.surfaces.mcp.sessions import MAX_OF_ACCOUNT

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic cGFsaW8="])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_without_a_token_nobody_comes_in(server, method, authorization):
    reply = httpx.request(method, server.mcp_url, headers={"Authorization": authorization} if authorization else {})

    assert reply.status_code == 401
    assert reply.json()["status"] == 401
    # RFC 9728: where to read how to get in.
    where = reply.headers["WWW-Authenticate"].removeprefix('Bearer resource_metadata="').removesuffix('"')
    metadata = httpx.get(where).json()
    assert metadata["resource"] == server.mcp_url
    assert metadata["bearer_methods_supported"] == ["header"]


def test_a_revoked_token_is_of_no_use_within_a_session(server):
    wire = Wire(server.mcp_url, server.another_token("mcp-revoked"))
    wire.initialize()
    subprocess.run(
        [*PALIO, "token", "revoke", "mcp-revoked", "--data", str(server.data)], check=True, env=environment()
    )
    deadline = time.monotonic() + 20
    while wire.send(PING).status_code == 200:
        assert time.monotonic() < deadline, "the token still works"
        time.sleep(0.1)
    assert wire.send(PING).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_a_name_that_is_not_ours_is_refused(session, host):
    assert session.send(PING, Host=host).status_code == 421


@pytest.mark.parametrize("host", ["localhost:9090", "localhost", "127.0.0.1:1", "[::1]:9090", "192.168.1.7:9090"])
def test_loopback_and_addresses_are_taken(session, host):
    assert session.send(PING, Host=host).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://10.0.0.9"])
def test_pages_from_elsewhere_are_refused(session, origin):
    assert session.send(PING, Origin=origin).status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:6274", "http://127.0.0.1", "https://localhost"])
def test_pages_of_this_machine_are_taken(session, origin):
    assert session.send(PING, Origin=origin).status_code == 200


def test_the_public_name_is_taken(tmp_path):
    config = 'public_url = "https://palio.example.org"\n' + CONFIG
    with running(tmp_path / "data", config) as server:
        wire = Wire(server.mcp_url, server.token)
        wire.initialize()
        assert wire.send(PING, Host="palio.example.org", Origin="https://palio.example.org").status_code == 200
        assert wire.send(PING, Host="palio.example.com").status_code == 421
        # URLs of images begin with it.
        call = {"name": "civitai-generate-image", "arguments": {"engine": "seedream", "prompt": "a cup"}}
        result = wire.ask("tools/call", call)["result"]["structuredContent"]
    assert result["steps"][0]["output"]["images"][0]["url"].startswith("https://palio.example.org/v2/")


def test_a_body_has_a_bound(tmp_path):
    with running(tmp_path / "data", f"max_body_bytes = 4096\n{CONFIG}") as server:
        wire = Wire(server.mcp_url, server.token)
        wire.initialize()
        reply = wire.send({**PING, "params": {"x": "y" * 5000}})
        assert (reply.status_code, reply.json()["status"]) == (413, 413)
        assert wire.send(PING).status_code == 200


def test_a_wait_has_a_bound(tmp_path):
    with running(tmp_path / "data", f"max_wait_seconds = 1\n{CONFIG}") as server:
        wire = Wire(server.mcp_url, server.token)
        wire.initialize()
        tools = {tool["name"]: tool for tool in wire.ask("tools/list")["result"]["tools"]}
        wait = tools["civitai-generate-image"]["inputSchema"]["properties"]["wait"]
        assert (wait["maximum"], wait["default"]) == (1, 1)
        call = {"name": "civitai-generate-image", "arguments": {"engine": "grok", "prompt": "x", "wait": 90}}
        assert wire.ask("tools/call", call)["result"]["structuredContent"]["status"] == "processing"


def test_many_first_clients_at_once_all_come_in(tmp_path):
    """The SDK is imported when the first client is there; the others wait for it too."""
    with running(tmp_path / "data", CONFIG) as server:
        wires = [Wire(server.mcp_url, server.token) for _ in range(8)]
        threads = [threading.Thread(target=wire.initialize) for wire in wires]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(wire.session for wire in wires)


def test_nobody_opens_all_the_sessions(tmp_path):
    with running(tmp_path / "data", CONFIG) as server:
        wires = [Wire(server.mcp_url, server.token) for _ in range(MAX_OF_ACCOUNT)]
        for wire in wires:
            wire.initialize()
        params = {
            "protocolVersion": LATEST_WITH_SESSION, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
        }  # fmt: skip
        one_more = Wire(server.mcp_url, server.token)
        refused = one_more.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        assert (refused.status_code, refused.json()["status"]) == (429, 429)
        assert "sessions open" in refused.json()["detail"]

        # Those that are open go on, and others come in.
        assert wires[0].send(PING).status_code == 200
        Wire(server.mcp_url, server.another_token()).initialize()

        # One that is over makes room, and what is refused takes none.
        ended = httpx.delete(server.mcp_url, headers={"Authorization": f"Bearer {server.token}", **wires[0].session})
        assert ended.status_code == 200
        assert one_more.send(PING).status_code == 400
        one_more.initialize()
        assert "WARNING" not in (server.data / "server.log").read_text()


def test_a_server_without_agents_does_not_load_the_protocol(tmp_path):
    with running(tmp_path / "data", CONFIG) as server:
        before = _resident(server.process.pid)
        Wire(server.mcp_url, server.token).initialize()
        after = _resident(server.process.pid)
    assert after - before > 10, "it was there before anybody came"


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path, server):
    port = server.mcp_url.split(":")[2].split("/")[0]
    command = [*PALIO, "serve", "--port", "0", "--mcp-port", port, "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())
    assert done.returncode == 2
    assert "choose another with --mcp-port" in done.stderr
