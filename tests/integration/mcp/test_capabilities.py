"""What the capability files in `capabilities/` promise is what the server has: each tool, word for word, each route."""

from pathlib import Path

import httpx
import pytest
import yaml

from palio.settings import Settings

CAPABILITIES = sorted((Path(__file__).parents[3] / "capabilities").glob("orchestration-*.yaml"))
HINTS = {"readOnly": "readOnlyHint", "destructive": "destructiveHint", "idempotent": "idempotentHint"}


def exposed(kind: str) -> list[dict]:
    files = [yaml.safe_load(file.read_text()) for file in CAPABILITIES]
    return [adapter for file in files for adapter in file["capability"]["exposes"] if adapter["type"] == kind]


TOOLS = [tool for adapter in exposed("mcp") for tool in adapter["tools"]]
ROUTES = [
    (operation["method"], resource["path"])
    for adapter in exposed("rest")
    for resource in adapter["resources"]
    for operation in resource["operations"]
]


def test_the_files_are_read():
    assert (len(CAPABILITIES), len(TOOLS), len(ROUTES)) == (2, 5, 7)
    assert {adapter["port"] for adapter in exposed("mcp")} == {9090}
    assert {adapter["port"] for adapter in exposed("rest")} == {8080}


@pytest.mark.parametrize("promised", TOOLS, ids=lambda tool: tool["name"])
def test_a_tool_is_there_by_name_description_and_hints(session, promised):
    (tool,) = [one for one in session.ask("tools/list")["result"]["tools"] if one["name"] == promised["name"]]

    assert tool["description"] == promised["description"]
    hints = {name: value for name, value in tool["annotations"].items() if name.endswith("Hint")}
    assert hints == {HINTS[name]: value for name, value in promised["hints"].items()}


@pytest.mark.parametrize("promised", TOOLS, ids=lambda tool: tool["name"])
def test_a_tool_takes_the_arguments_that_are_promised(session, promised):
    (tool,) = [one for one in session.ask("tools/list")["result"]["tools"] if one["name"] == promised["name"]]
    wanted = {value.removeprefix("tools.") for value in promised["with"].values()}
    assert wanted <= tool["inputSchema"]["properties"].keys()


def test_there_is_no_tool_that_no_file_promises(session):
    listed = [tool["name"] for tool in session.ask("tools/list")["result"]["tools"]]
    assert sorted(listed) == sorted(tool["name"] for tool in TOOLS)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_is_there(server, method, path):
    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    assert method.lower() in paths[path]


def test_the_default_ports_are_those_of_the_files():
    settings = Settings()
    assert (settings.port, settings.mcp_port) == (8080, 9090)
