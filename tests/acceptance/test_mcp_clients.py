"""Clients that others made: the official Python client over standard input and output, and the MCP Inspector."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import anyio
import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from tests.conftest import PALIO, environment

INSPECTOR = Path(__file__).parent / "inspector"
FOX = {"engine": "sdxl", "prompt": "a fox in the snow", "size": "128x64"}
SLOW = {"engine": "grok", "prompt": "a slow tide"}


def bridge(server, token: str | None = None) -> StdioServerParameters:
    """`palio mcp`, as a client starts it."""
    variables = environment(PALIO_URL=server.url, PALIO_TOKEN=token or server.token)
    return StdioServerParameters(command=PALIO[0], args=[*PALIO[1:], "mcp"], env=variables)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_that_starts_a_command_has_all_that_the_server_has(server, mode):
    heard: list[float] = []

    async def on_progress(share: float, _total: float | None, _message: str | None) -> None:
        heard.append(share)

    async with Client(bridge(server), mode=mode) as client:
        assert client.instructions
        assert len((await client.list_tools()).tools) == 5

        made = await client.call_tool("civitai-generate-image", FOX, progress_callback=on_progress)
        assert (made.is_error, made.structured_content["status"]) == (False, "succeeded")
        assert heard[-1] == 1.0
        (link,) = [block for block in made.content if block.type == "resource_link"]
        assert (await client.read_resource(link.uri)).contents[0].blob
        assert {template.name for template in (await client.list_resource_templates()).resource_templates} == {
            "blob",
            "workflow",
        }
        assert link.uri in [str(resource.uri) for resource in (await client.list_resources()).resources]

        refused = await client.call_tool("civitai-generate-image", {**FOX, "quantity": 99})
        assert "quantity" in refused.structured_content["errors"]
        assert len((await client.list_prompts()).prompts) == 2
        assert (await client.get_prompt("choose-an-engine", {"task": "a logo"})).messages


async def test_giving_up_a_call_goes_through_to_the_server(server):
    token = server.another_token("bridge")
    async with Client(bridge(server, token), mode="legacy") as client:
        begun = asyncio.Event()

        async def on_progress(*_: object) -> None:
            begun.set()

        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.call_tool("civitai-generate-image", SLOW, progress_callback=on_progress))
            await begun.wait()
            group.cancel_scope.cancel()
        (workflow,) = (await client.call_tool("civitai-query-workflows", {})).structured_content["items"]
        over = await client.call_tool("civitai-get-workflow", {"workflowId": workflow["id"], "wait": 20})
    assert over.structured_content["status"] == "canceled"


@pytest.mark.parametrize(
    ("variables", "said"),
    [({"PALIO_URL": "http://127.0.0.1:9"}, "Is the server running"), ({"PALIO_TOKEN": "wrong"}, "the token right")],
)
def test_a_server_that_cannot_be_used_is_told_on_standard_error(server, variables, said):
    known = environment(**{"PALIO_URL": server.url, "PALIO_TOKEN": server.token} | variables)
    done = subprocess.run([*PALIO, "mcp"], input="", capture_output=True, text=True, timeout=60, env=known, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def inspector() -> Path:
    """The Inspector's command, which needs Node.js and, the first time, a network."""
    assert shutil.which("npm"), "install Node.js 20 or later to run the acceptance tests"
    if not (INSPECTOR / "node_modules/.package-lock.json").is_file():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=INSPECTOR, check=True)
    return INSPECTOR / "node_modules/.bin/mcp-inspector"


def inspect(inspector: Path, folder: Path, *arguments: str, **variables: str) -> dict:
    """What the Inspector prints."""
    command = [str(inspector), "--cli", *arguments]
    known = environment(HOME=str(folder), **variables)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, env=known, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def test_the_inspector_lists_and_calls_tools(server, inspector, tmp_path):
    at = [server.mcp_url, "--transport", "http", "--header", f"Authorization: Bearer {server.token}"]

    listed = inspect(inspector, tmp_path, *at, "--method", "tools/list")
    assert "civitai-generate-image" in [tool["name"] for tool in listed["tools"]]

    given = [part for name, value in FOX.items() for part in ("--tool-arg", f"{name}={value}")]
    called = inspect(
        inspector, tmp_path, *at, "--method", "tools/call", "--tool-name", "civitai-generate-image", *given
    )
    assert called["structuredContent"]["status"] == "succeeded"

    (link,) = [block for block in called["content"] if block["type"] == "resource_link"]
    read = inspect(inspector, tmp_path, *at, "--method", "resources/read", "--uri", link["uri"])
    assert read["contents"][0]["mimeType"] == "image/jpeg"


def test_the_inspector_starts_the_command(server, inspector, tmp_path):
    variables = {"PALIO_URL": server.url, "PALIO_TOKEN": server.token}
    passed = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    listed = inspect(inspector, tmp_path, *passed, *PALIO, "mcp", "--method", "prompts/list")
    assert [prompt["name"] for prompt in listed["prompts"]] == ["make-an-image", "choose-an-engine"]
