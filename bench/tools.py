"""Measures what MCP adds to REST: the same finished workflow, read through both in turns.

MCP is measured on both generations of the protocol: with a session, where an answer is a stream of events, and
without one, where it is JSON. An answer through MCP holds the document and its summary for a model, and no previews.
"""

import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from statistics import median

from servers import (
    NONE,
    ONE_PROVIDER,
    SUBMIT_TO_SUCCESS,
    WORKFLOWS,
    Load,
    Server,
    call,
    load,
    middle,
    palio,
    resident_mib,
)

SESSION_VERSION = "2025-11-25"
MODERN_VERSION = "2026-07-28"
ACCEPT = "application/json, text/event-stream"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def measure(requests: int, rounds: int) -> str:
    """The report: rates and latencies, and what the first client costs."""
    with tempfile.TemporaryDirectory() as folder, palio(Path(folder), ONE_PROVIDER) as server:
        workflow = str(call(server, *SUBMIT_TO_SUCCESS)["id"])
        idle = resident_mib(server.pid)
        began = time.perf_counter()
        session = _session(server)
        first = time.perf_counter() - began
        loaded = resident_mib(server.pid)
        rows = list(_rows(server, workflow, session, requests, rounds))
    return "\n".join(
        [
            "| what | in flight | requests/s | p50 ms | of REST |",
            "|---|---:|---:|---:|---:|",
            *rows,
            "",
            f"- the first client waits {first:.2f} s for the protocol to be loaded, "
            f"which takes {loaded - idle:.0f} MiB; without one it is not loaded",
            "",
        ]
    )


def _rows(server: Server, workflow: str, session: str, requests: int, rounds: int) -> Iterator[str]:
    read = {"name": "civitai-get-workflow", "arguments": {"workflowId": workflow, "previews": False}}
    version = {"Accept": ACCEPT, "Mcp-Protocol-Version": SESSION_VERSION}
    with_session = {**version, "Mcp-Session-Id": session}
    without = {**version, "Mcp-Protocol-Version": MODERN_VERSION, "Mcp-Method": "tools/call", "Mcp-Name": read["name"]}
    ways = (
        ("get a workflow, REST", "GET", f"{WORKFLOWS}/{workflow}", "", NONE),
        ("get a workflow, MCP with a session", "POST", "/mcp", _message("tools/call", read), with_session),
        ("get a workflow, MCP without", "POST", "/mcp", _message("tools/call", {**read, "_meta": META}), without),
    )
    for in_flight in (1, 16):
        count = requests // 4 if in_flight == 1 else requests
        measured: dict[str, list[Load]] = {what: [] for what, *_ in ways}
        for turn in range(rounds):
            print(f"MCP and REST, {in_flight} in flight, round {turn + 1} of {rounds}", file=sys.stderr)
            # In turns, so that a drift of the machine falls on all.
            for what, method, path, body, headers in ways:
                measured[what].append(load(server, method, path, body, in_flight, count, headers))
        rest = measured[ways[0][0]]
        for what, loads in measured.items():
            ratio = median(one.rate / bare.rate for one, bare in zip(loads, rest, strict=True))
            yield f"| {what} | {in_flight} | {middle(loads).rate:,.0f} | {middle(loads).p50:.1f} | {ratio:.0%} |"


def _message(method: str, params: dict[str, object]) -> str:
    # Ids of requests under way differ, or the session could not tell whose answer is whose.
    return json.dumps({"jsonrpc": "2.0", "id": "$CONNECTION", "method": method, "params": params})


def _session(server: Server) -> str:
    """Open a session and return its id."""
    client = {"name": "bench", "version": "1"}
    opening = {"protocolVersion": SESSION_VERSION, "capabilities": {}, "clientInfo": client}
    with _post(server, _message("initialize", opening)) as reply:
        session = str(reply.headers["mcp-session-id"])
        reply.read()
    with _post(server, '{"jsonrpc": "2.0", "method": "notifications/initialized"}', session):
        return session


def _post(server: Server, body: str, session: str | None = None) -> HTTPResponse:
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json", "Accept": ACCEPT}
    headers |= {"Mcp-Session-Id": session} if session else {}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/mcp", body.encode(), headers)
    return urllib.request.urlopen(request, timeout=60)
