"""The protocol's side of the tools, resources and prompts: the handlers of the SDK's server.

This module imports the SDK, which takes half a second and 25 MiB: `endpoint` imports it when the first client comes.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from palio import __version__
from palio.blobs.names import format_of, is_blob_id
from palio.contract.status import Status
from palio.errors import BadRequest, NotFound
from palio.store.workflows import Filter
from palio.surfaces.mcp import report
from palio.surfaces.mcp.addresses import (
    BLOB_TEMPLATES,
    WORKFLOW_TEMPLATE,
    blob_address,
    blob_at,
    guide_address,
    guide_at,
    workflow_at,
)
from palio.surfaces.mcp.catalog import INSTRUCTIONS, ToolSpec, names
from palio.surfaces.mcp.guides import PAGES
from palio.surfaces.mcp.prompts import PROMPTS
from palio.surfaces.mcp.schemas import input_schema, output_schema
from palio.surfaces.mcp.tools import Answer, Caller, Tools

CALLER = "palio.caller"
"""Where the door leaves the caller in the scope of a request."""

RECENT = 20
"""How many workflows' images are listed as resources."""

MAX_RESOURCE_BYTES = 16 * 1024 * 1024

Context = ServerRequestContext[dict[str, object], object]


def protocol_server(tools: Tools, *, with_aliases: bool) -> "Server[dict[str, object]]":
    """A server for sessions with any client."""
    handlers = Handlers(tools, with_aliases)
    return Server(
        "palio",
        version=__version__,
        title="Palio",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=handlers.schema,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
    )


@dataclass(frozen=True, slots=True)
class Listener:
    """Progress to the client that asked for it with a token."""

    context: Context

    @property
    def is_listening(self) -> bool:
        return bool(self.context.meta and self.context.meta.get("progress_token") is not None)

    async def progress(self, share: float, message: str) -> None:
        await self.context.session.report_progress(share, 1.0, message)


class Handlers:
    """What the protocol's requests are answered with."""

    def __init__(self, tools: Tools, with_aliases: bool) -> None:
        self._tools = tools
        self._names = names(with_aliases)
        self._listed = {name: _tool(name, spec, tools.max_wait) for name, spec in self._names.items()}

    def schema(self, name: str) -> Mapping[str, object] | None:
        """The input schema of a tool."""
        tool = self._listed.get(name)
        return tool.input_schema if tool is not None else None

    async def list_tools(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=list(self._listed.values()))

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        spec = self._names.get(params.name)
        if spec is None:
            known = ", ".join(self._names)
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name[:100]!r}; known are {known}")
        answer = await self._tools.call(spec.action, params.arguments or {}, _caller(context), Listener(context))
        return _result(answer)

    async def list_resources(
        self, context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """The guides, and the images of the caller's latest workflows."""
        caller = _caller(context)
        pages = [
            types.Resource(uri=guide_address(page.name), name=page.name, title=page.title, mime_type="text/markdown")
            for page in PAGES.values()
        ]
        found, _ = await self._tools.service.query(Filter(caller.account, take=RECENT, status=Status.succeeded))
        images = [
            types.Resource(
                uri=blob_address(blob.id),
                name=blob.id,
                description=f"{blob.width}x{blob.height}, of workflow {stored.id}",
                mime_type=format_of(blob.id).media_type,
            )
            for stored in found
            for blob in report.step_images(self._tools.as_read(stored, caller))
        ]
        return types.ListResourcesResult(resources=[*pages, *images])

    async def list_templates(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        blobs = [
            types.ResourceTemplate(uri_template=template, name="blob", description="An image, whole, by its id.")
            for template in BLOB_TEMPLATES
        ]
        workflow = types.ResourceTemplate(
            uri_template=WORKFLOW_TEMPLATE,
            name="workflow",
            description="A workflow by its id.",
            mime_type="application/json",
        )
        return types.ListResourceTemplatesResult(resource_templates=[workflow, *blobs])

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri, caller = params.uri, _caller(context)
        if (name := guide_at(uri)) is not None and name in PAGES:
            text = types.TextResourceContents(uri=uri, mime_type="text/markdown", text=PAGES[name].write())
            return types.ReadResourceResult(contents=[text])
        if (workflow_id := workflow_at(uri)) is not None:
            return types.ReadResourceResult(contents=[await self._workflow(uri, workflow_id, caller)])
        if (blob_id := blob_at(uri)) is not None and is_blob_id(blob_id):
            return types.ReadResourceResult(contents=[await self._blob(uri, blob_id, caller)])
        raise _no_resource(uri)

    async def list_prompts(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name=prompt.name,
                    title=prompt.title,
                    description=prompt.description,
                    arguments=[
                        types.PromptArgument(
                            name=argument.name, description=argument.description, required=argument.is_required
                        )
                        for argument in prompt.arguments
                    ],
                )
                for prompt in PROMPTS.values()
            ]
        )

    async def get_prompt(self, _context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        prompt = PROMPTS.get(params.name)
        if prompt is None:
            known = ", ".join(PROMPTS)
            raise MCPError(types.INVALID_PARAMS, f"there is no prompt {params.name[:100]!r}; known are {known}")
        try:
            text = prompt.fill_in(params.arguments or {})
        except BadRequest as problem:
            raise MCPError(types.INVALID_PARAMS, problem.detail) from None
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])

    async def _workflow(self, uri: str, workflow_id: str, caller: Caller) -> types.TextResourceContents:
        try:
            stored = await self._tools.service.get(caller.account, workflow_id)
        except NotFound:
            raise _no_resource(uri) from None
        text = msgspec.json.encode(self._tools.document(stored, caller)).decode()
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=text)

    async def _blob(self, uri: str, blob_id: str, caller: Caller) -> types.BlobResourceContents:
        file = await self._tools.file(blob_id, caller)
        if file is None:
            raise _no_resource(uri)
        if file.size > MAX_RESOURCE_BYTES:
            raise MCPError(
                types.INVALID_PARAMS, f"{blob_id} has {file.size} bytes, too many to send here; fetch it by its url"
            )
        data = await self._tools.content(blob_id)
        if data is None:
            raise _no_resource(uri)
        return types.BlobResourceContents(uri=uri, mime_type=file.media_type, blob=base64.b64encode(data).decode())


def _tool(name: str, spec: ToolSpec, max_wait: int) -> types.Tool:
    hints = spec.hints
    return types.Tool(
        name=name,
        title=spec.title,
        description=spec.description,
        input_schema=dict(input_schema(spec.action, max_wait)),
        output_schema=dict(output_schema(spec.action)),
        annotations=types.ToolAnnotations(
            read_only_hint=hints.read_only, destructive_hint=hints.destructive, idempotent_hint=hints.idempotent
        ),
    )


def _result(answer: Answer) -> types.CallToolResult:
    """The text first; then previews to look at, and links to the images themselves."""
    content: list[types.ContentBlock] = [types.TextContent(text=answer.text)]
    content += [
        types.ImageContent(data=base64.b64encode(preview.data).decode(), mime_type=preview.media_type)
        for preview in answer.previews
    ]
    content += [
        types.ResourceLink(
            uri=blob_address(blob.id),
            name=blob.id,
            description=f"{blob.width}x{blob.height}",
            mime_type=format_of(blob.id).media_type,
        )
        for blob in answer.images
    ]
    return types.CallToolResult(content=content, structured_content=answer.document, is_error=answer.is_error)


def _caller(context: Context) -> Caller:
    scope = getattr(context.request, "scope", {})
    caller = scope.get(CALLER)
    if not isinstance(caller, Caller):
        raise MCPError(types.INTERNAL_ERROR, "the caller is not known")
    return caller


def _no_resource(uri: str) -> MCPError:
    return MCPError(types.INVALID_PARAMS, f"there is no resource {uri[:300]!r}", {"uri": uri[:300]})
