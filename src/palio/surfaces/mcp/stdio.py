"""MCP over standard input and output: what a client asks here is asked of a running server over HTTP.

A bridge and no server of its own, because one server owns the data folder: agents that each start a process would
otherwise find it locked, and their workflows would end with them. The SDK stands on both sides, so each speaks its own
version of the protocol, and progress and cancellation pass through.
"""

from collections.abc import Mapping

import httpx2
import mcp_types as types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from palio import __version__

READ_SECONDS = 300.0
"""How long the server may be silent during a call; it sends a comment every 15 seconds."""

Context = ServerRequestContext[dict[str, object], object]


async def bridge(url: str, headers: Mapping[str, str], *, trust_env: bool) -> None:
    """Serve on standard input and output until its end. Raises OSError or a transport's error if `url` is not there."""
    timeout = httpx2.Timeout(30.0, read=READ_SECONDS)
    async with (
        httpx2.AsyncClient(headers=dict(headers), timeout=timeout, trust_env=trust_env) as http,
        Client(streamable_http_client(url, http_client=http, max_sse_event_size=None)) as client,
        stdio_server() as (incoming, outgoing),
    ):
        server = _server(_Bridge(client), client.instructions)
        await server.run(incoming, outgoing, server.create_initialization_options())


class _Bridge:
    """Handlers that ask the server and answer what it answers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list_tools(self, _context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return await self._client.list_tools(cursor=_cursor(params))

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        wants_progress = bool(context.meta and context.meta.get("progress_token") is not None)
        return await self._client.call_tool(
            params.name,
            params.arguments,
            progress_callback=context.session.report_progress if wants_progress else None,
        )

    async def list_resources(
        self, _context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return await self._client.list_resources(cursor=_cursor(params))

    async def list_templates(
        self, _context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return await self._client.list_resource_templates(cursor=_cursor(params))

    async def read_resource(
        self, _context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await self._client.read_resource(params.uri)

    async def list_prompts(
        self, _context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return await self._client.list_prompts(cursor=_cursor(params))

    async def get_prompt(self, _context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return await self._client.get_prompt(params.name, params.arguments)


def _server(bridge: _Bridge, instructions: str | None) -> "Server[dict[str, object]]":
    return Server(
        "palio",
        version=__version__,
        title="Palio",
        instructions=instructions,
        on_list_tools=bridge.list_tools,
        on_call_tool=bridge.call_tool,
        on_list_resources=bridge.list_resources,
        on_list_resource_templates=bridge.list_templates,
        on_read_resource=bridge.read_resource,
        on_list_prompts=bridge.list_prompts,
        on_get_prompt=bridge.get_prompt,
    )


def _cursor(params: types.PaginatedRequestParams | None) -> str | None:
    return params.cursor if params is not None else None
