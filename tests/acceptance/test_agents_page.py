"""What `docs/agents.md` tells people to do is done: each configuration is connected with, each program run."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from tests.conftest import PALIO, environment

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "agents.md").read_text()
MCP, REST = "http://127.0.0.1:9090/mcp", "http://127.0.0.1:8080"
"""The server's addresses as the page writes them."""

BLOCK = re.compile(r"(?:^<!-- (\w+)(?:: (\S+))? -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [found.groups() for found in BLOCK.finditer(PAGE)]
CONFIGS = {name: json.loads(text) for kind, name, _, text in BLOCKS if kind == "config"}
VARIABLE = re.compile(r"\$\{(?:env:|input:)?([\w-]+)\}")


def those(language: str, kind: str | None = None) -> list[str]:
    return [text for of_kind, _, of_language, text in BLOCKS if (of_kind, of_language) == (kind, language)]


def test_every_block_is_taken_care_of():
    assert PAGE.count("```") == 2 * len(BLOCKS)
    assert {(kind, language) for kind, _, language, _ in BLOCKS} == {
        (None, "sh"),
        ("run", "sh"),
        ("config", "json"),
        (None, "python"),
        ("transcript", "text"),
    }
    assert list(CONFIGS) == [".mcp.json", "claude_desktop_config.json", ".cursor/mcp.json", ".vscode/mcp.json"]


@pytest.mark.parametrize("name", CONFIGS)
async def test_a_configuration_leads_to_the_tools(name, server):
    config = CONFIGS[name]
    (entry,) = (config.get("mcpServers") or config["servers"]).values()
    inputs = {asked["id"] for asked in config.get("inputs", [])}

    if "command" in entry:
        assert (Path(entry["command"]).name, entry["env"].keys()) == ("palio", {"PALIO_URL", "PALIO_TOKEN"})
        variables = environment(PALIO_URL=server.url, PALIO_TOKEN=server.token)
        parameters = StdioServerParameters(command=PALIO[0], args=[*PALIO[1:], *entry["args"]], env=variables)
        async with Client(parameters) as client:
            assert len((await client.list_tools()).tools) == 5
        return

    assert entry["url"] == MCP
    assert entry.get("type", "http") == "http"
    (variable,) = VARIABLE.findall(entry["headers"]["Authorization"])
    assert variable in {"PALIO_TOKEN"} | inputs
    headers = {header: VARIABLE.sub(server.token, value) for header, value in entry["headers"].items()}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(server.mcp_url, http_client=http)) as client,
    ):
        assert len((await client.list_tools()).tools) == 5


def test_the_command_line_says_the_same_as_the_configuration():
    (text,) = those("sh", "run")
    words = shlex.split(text)
    (entry,) = CONFIGS[".mcp.json"]["mcpServers"].values()
    assert words[:6] == ["claude", "mcp", "add", "--transport", entry["type"], "palio"]
    assert words[6:] == [
        entry["url"],
        "--header",
        f"Authorization: {entry['headers']['Authorization'].replace('{', '').replace('}', '')}",
    ]


def test_the_python_program_makes_an_image(server):
    (program,) = those("python")
    done = run([sys.executable, "-W", "error", "-c", program.replace(MCP, server.mcp_url)], server)
    assert "succeeded" in done


def test_the_shell_commands_work(server, tmp_path):
    (tmp_path / "bin").mkdir()
    palio = tmp_path / "bin/palio"
    palio.write_text(f'#!/bin/sh\nexec {" ".join(PALIO)} "$@"\n')
    palio.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for text in those("sh"):
        run(["sh", "-euc", text], server, cwd=tmp_path, PATH=path, PALIO_DATA=str(server.data))
    assert len(list((tmp_path / "pictures").iterdir())) == 1


def test_the_transcript_is_what_happens(server):
    (told,) = those("text", "transcript")
    done = run([sys.executable, "-W", "error", str(DOCS / "agent_session.py"), server.mcp_url], server)
    assert general(done.replace(server.url, REST)) == general(told)


def general(transcript: str) -> str:
    """A transcript without what is different each time."""
    transcript = re.sub(r"[A-Z2-7]{26}", "BLOB", transcript)
    transcript = re.sub(r"\b[0-9a-f]{32}\b", "WORKFLOW", transcript)
    return re.sub(r"sig=\S+", "SIGNATURE", transcript)


def run(command: list[str], server, cwd: Path | None = None, **more: str) -> str:
    known = environment(PALIO_URL=server.url, PALIO_TOKEN=server.token) | more
    done = subprocess.run(command, cwd=cwd, env=known, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
