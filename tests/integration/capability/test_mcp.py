"""Tools, as the official client of the protocol meets them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, TextContent
from tests.integration.capability.running import PUBLISHED, Answer, Api, Running, runner

INVALID_PARAMS = -32602


@asynccontextmanager
async def connected(running: Running, mode: str = "auto", port: int = 9090) -> AsyncIterator[Client]:
    async with Client(f"{running.url(port)}/mcp", mode=mode) as client:
        yield client


async def call(running: Running, tool: str, **arguments: object) -> CallToolResult:
    async with connected(running) as client:
        return await client.call_tool(tool, arguments)


def text(result: CallToolResult, index: int = 0) -> str:
    content = result.content[index]
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_tools_have_names_descriptions_and_hints_of_the_files(running: Running, mode: str):
    async with connected(running, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        instructions = client.instructions

    assert list(tools) == [
        "civitai-submit-workflow",
        "civitai-get-workflow",
        "civitai-query-workflows",
        "civitai-cancel-workflow",
        "civitai-generate-image",
    ]
    cancel = tools["civitai-cancel-workflow"]
    assert cancel.description == "Cancel/delete a workflow."
    assert cancel.annotations
    assert cancel.annotations.model_dump(exclude_unset=True, exclude_none=True) == {
        "read_only_hint": False,
        "destructive_hint": True,
        "idempotent_hint": True,
    }
    assert "MCP adapter for Image Generation." in (instructions or "")


async def test_arguments_are_inferred_from_what_they_go_to(running: Running):
    async with connected(running) as client:
        schemas = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}

    assert schemas["civitai-query-workflows"] == {
        "type": "object",
        "properties": {"take": {"type": "integer"}, "cursor": {"type": "string"}, "status": {"type": "string"}},
        "required": [],
        "additionalProperties": False,
    }
    assert schemas["civitai-generate-image"]["properties"] == {"body": {"type": "object"}}
    assert schemas["civitai-generate-image"]["required"] == ["body"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_is_one_request_and_its_reply_the_result(running: Running, upstream: Api, mode: str):
    upstream.answer = Answer(202, b'{"id":"w1","cost":{"total":8}}')
    async with connected(running, mode) as client:
        result = await client.call_tool("civitai-submit-workflow", {"body": {"steps": [1.5, None, "é"]}})

    assert (upstream.last.method, upstream.last.target) == ("POST", "/v2/consumer/workflows")
    assert json.loads(upstream.last.body) == {"steps": [1.5, None, "é"]}
    assert upstream.last.headers["content-type"] == "application/json"
    assert upstream.last.headers["authorization"] == "Bearer bound-key"
    assert not result.is_error
    assert result.structured_content == {"id": "w1", "cost": {"total": 8}}
    assert text(result) == '{"id":"w1","cost":{"total":8}}'


async def test_arguments_go_where_they_belong(running: Running, upstream: Api):
    await call(running, "civitai-query-workflows", take=2, status="failed & lost")
    assert upstream.last.target == "/v2/consumer/workflows?take=2&status=failed%20%26%20lost"
    await call(running, "civitai-get-workflow", workflowId="a/b?c")
    assert upstream.last.target == "/v2/consumer/workflows/a%2Fb%3Fc"


async def test_nothing_to_say_is_said(running: Running, upstream: Api):
    upstream.answer = Answer(204, b"", ())
    result = await call(running, "civitai-cancel-workflow", workflowId="w1")
    assert upstream.last.method == "DELETE"
    assert not result.is_error
    assert result.structured_content == {"status": 204}
    assert text(result) == "HTTP 204 No Content"


async def test_a_refusal_of_the_api_is_an_error_of_the_tool_with_its_body(running: Running, upstream: Api):
    problem = b'{"status":429,"detail":"slow down"}'
    upstream.answer = Answer(429, problem, [("Content-Type", "application/problem+json"), ("Retry-After", "7")])
    result = await call(running, "civitai-get-workflow", workflowId="w1")
    assert result.is_error
    assert text(result) == problem.decode()
    assert text(result, 1) == "HTTP 429 Too Many Requests; Retry-After: 7"
    assert result.structured_content == {"status": 429, "detail": "slow down"}


async def test_an_error_without_a_body_is_told_by_its_status(running: Running, upstream: Api):
    upstream.answer = Answer(500, b"", ())
    result = await call(running, "civitai-get-workflow", workflowId="w1")
    assert result.is_error
    assert text(result) == "HTTP 500 Internal Server Error"


async def test_an_api_that_hangs_up_is_an_error_of_the_tool(running: Running, upstream: Api):
    upstream.answer = lambda _: None
    result = await call(running, "civitai-submit-workflow", body={})
    assert result.is_error
    assert result.structured_content["status"] == 502
    assert "bound-key" not in text(result)


async def test_a_redirect_tells_where_to(running: Running, upstream: Api):
    upstream.answer = Answer(308, b"", [("Location", "https://elsewhere.example/x")])
    result = await call(running, "civitai-get-workflow", workflowId="w1")
    assert not result.is_error
    assert result.structured_content == {"status": 308, "location": "https://elsewhere.example/x"}


async def test_other_json_is_wrapped_and_pictures_are_pictures(running: Running, upstream: Api):
    upstream.answer = Answer(200, b"[1,2]")
    assert (await call(running, "civitai-query-workflows")).structured_content == {"result": [1, 2]}

    upstream.answer = Answer(200, b"\x89PNG", [("Content-Type", "image/png")])
    (picture,) = (await call(running, "civitai-query-workflows")).content
    assert isinstance(picture, ImageContent)
    assert picture.mime_type == "image/png"

    upstream.answer = Answer(200, b"\xff\xfe\x00", [("Content-Type", "application/x-own")])
    (resource,) = (await call(running, "civitai-query-workflows")).content
    assert resource.type == "resource"


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("civitai-fly", {}, "civitai-fly"),
        ("civitai-get-workflow", {}, "workflowId"),
        ("civitai-get-workflow", {"workflowId": 3}, "workflowId"),
        ("civitai-get-workflow", {"workflowId": ""}, "workflowId"),
        ("civitai-get-workflow", {"workflowId": ".."}, "workflowId"),
        ("civitai-get-workflow", {"workflowId": "w1", "wait": 5}, "wait"),
        ("civitai-submit-workflow", {"body": "text"}, "body"),
        ("civitai-query-workflows", {"take": "two"}, "take"),
        ("civitai-query-workflows", {"take": None}, "take"),
    ],
)
async def test_an_unknown_tool_and_bad_arguments_are_invalid_params(
    running: Running, upstream: Api, tool: str, arguments: dict[str, object], named: str
):
    async with connected(running) as client:
        with pytest.raises(MCPError) as raised:
            await client.call_tool(tool, arguments)
    assert raised.value.code == INVALID_PARAMS
    assert named in raised.value.message
    assert upstream.asked == []


async def test_with_the_callers_own_key_the_bound_one_is_not_spent(upstream: Api):
    with runner(PUBLISHED, upstream.url, environment={}, auth="caller") as started:
        url = f"{started.url(9090)}/mcp"
        async with (
            httpx2.AsyncClient(headers={"Authorization": "Bearer mine"}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            await client.call_tool("civitai-get-workflow", {"workflowId": "w1"})
        assert upstream.last.headers["authorization"] == "Bearer mine"
        async with Client(url) as client:
            await client.call_tool("civitai-get-workflow", {"workflowId": "w1"})
        assert "authorization" not in upstream.last.headers


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("civitai-get-workflow", r'{"workflowId": "\ud800"}', "workflowId"),
        ("civitai-query-workflows", r'{"cursor": "\ud800"}', "cursor"),
        ("civitai-submit-workflow", r'{"body": {"a": "\ud800"}}', "body"),
    ],
)
def test_half_a_character_is_invalid_params(running: Running, upstream: Api, tool: str, arguments: str, named: str):
    request = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}'
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    with running.client(9090) as caller:
        reply = caller.post("/mcp", content=request, headers=headers)
    assert reply.status_code < 500
    assert reply.json()["error"]["code"] in (INVALID_PARAMS, -32700)
    assert upstream.asked == []


@pytest.mark.parametrize(
    ("headers", "status"), [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)]
)
def test_pages_led_here_cannot_call_tools(running: Running, upstream: Api, headers: dict[str, str], status: int):
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    with running.client(9090) as caller:
        reply = caller.post("/mcp", json=request, headers={"Accept": "application/json, text/event-stream", **headers})
    assert reply.status_code == status


def test_a_call_that_is_too_large_is_refused(running: Running):
    with running.client(9090) as caller:
        reply = caller.post("/mcp", content=b" " * (17 * 1024 * 1024), headers={"Content-Type": "application/json"})
    assert reply.status_code == 413


def test_there_is_nothing_else_on_the_port(running: Running):
    assert httpx.get(f"{running.url(9090)}/").status_code == 404
