"""MCP exposure: a call of a tool becomes one request to an API, and the reply its result."""

from base64 import b64encode
from collections.abc import Mapping

import jsonschema
import mcp_types as types
import msgspec
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from palio import __version__
from palio.errors import BadRequest, Problem
from palio.surfaces.capability.document import Hints
from palio.surfaces.capability.forwarder import BadGateway, Forwarder, Reply, ReplyBroken
from palio.surfaces.capability.outgoing import Body, outgoing
from palio.surfaces.capability.plan import Argument, Credential, FromArgument, Json, McpTool, Port, Source
from palio.surfaces.capability.problems import problem_document

MAX_RESULT = 8 * 1024 * 1024
"""Bytes of a reply that becomes a result. One is held whole, and no agent can use more."""

_decode = msgspec.json.Decoder().decode


class Tools:
    """The tools of one port."""

    def __init__(self, port: Port, forwarder: Forwarder, *, own_credential: bool) -> None:
        self._forwarder = forwarder
        self._own_credential = own_credential
        self._tools = {tool.name: tool for tool in port.tools}
        self._described = [_described(tool) for tool in port.tools]
        self._validators = {tool.name: jsonschema.Draft202012Validator(tool.input_schema) for tool in self._described}
        exposures = [exposure for exposure in port.exposures if exposure.tools]
        self.server: Server[dict[str, object]] = Server(
            " + ".join(exposure.namespace for exposure in exposures),
            version=__version__,
            instructions="\n".join(each.description for each in exposures if each.description) or None,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def _list(
        self, _context: ServerRequestContext[dict[str, object]], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self._described)

    async def _call(
        self, context: ServerRequestContext[dict[str, object]], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name[:200]}")
        arguments: dict[str, Json] = params.arguments or {}
        self._check(tool, arguments)
        request = context.request if isinstance(context.request, Request) else None
        try:
            call = outgoing(tool.call, _Arguments(arguments, request), own_credential=self._own_credential)
        except BadRequest as problem:
            raise MCPError(types.INVALID_PARAMS, problem.detail, problem.errors) from None
        try:
            async with self._forwarder.send(call) as reply:
                return await _result(reply, tool)
        except ReplyBroken:
            return _problem(BadGateway("the API broke off in the middle of its reply"))
        except Problem as problem:
            return _problem(problem)

    def _check(self, tool: McpTool, arguments: Mapping[str, Json]) -> None:
        """Raises an error with code -32602 that names every argument at fault."""
        wrong: dict[str, list[str]] = {}
        for error in self._validators[tool.name].iter_errors(arguments):
            if error.validator == "required":
                wrong |= {name: ["is required"] for name in error.validator_value if name not in error.instance}
            else:
                path = ".".join(str(part) for part in error.absolute_path)
                wrong.setdefault(path, []).append(error.message[:500])
        if wrong:
            told = "; ".join(": ".join(filter(None, (name, *said))) for name, said in wrong.items())
            raise MCPError(types.INVALID_PARAMS, f"bad arguments of {tool.name}: {told}", wrong)


class _Arguments:
    """What a caller brings by MCP."""

    def __init__(self, arguments: Mapping[str, Json], request: Request | None) -> None:
        self.body = Body()
        self.headers: Mapping[str, str] = {"accept": "application/json, */*;q=0.5", "accept-encoding": "identity"}
        self._arguments = arguments
        self._request = request

    def value(self, source: Source) -> Json:
        return self._arguments.get(source.name) if isinstance(source, FromArgument) else None

    def credential(self, place: Credential) -> str | None:
        if self._request is None:
            return None
        own: Mapping[str, str] = self._request.headers if place.place == "header" else self._request.query_params
        return own.get(place.name)


def _described(tool: McpTool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        annotations=_annotations(tool.hints) if tool.hints else None,
        input_schema={
            "type": "object",
            "properties": {argument.name: _schema(argument) for argument in tool.arguments},
            "required": [argument.name for argument in tool.arguments if argument.required],
            "additionalProperties": False,
        },
    )


def _annotations(hints: Hints) -> types.ToolAnnotations:
    return types.ToolAnnotations(
        read_only_hint=hints.read_only,
        destructive_hint=hints.destructive,
        idempotent_hint=hints.idempotent,
        open_world_hint=hints.open_world,
    )


def _schema(argument: Argument) -> dict[str, object]:
    schema: dict[str, object] = {}
    if argument.type:
        schema["type"] = argument.type
    if argument.type == "array":
        schema["items"] = {}  # some clients refuse an array of which nothing is said
    if argument.description:
        schema["description"] = argument.description
    return schema


async def _result(reply: Reply, tool: McpTool) -> types.CallToolResult:
    """A reply as a result: its body as text and, if it is JSON, as structured content."""
    is_error = reply.status >= 400
    body = await reply.read(MAX_RESULT)
    if body is None:
        return _problem(BadGateway(f"the reply is longer than the {MAX_RESULT} bytes that become a result"))
    status = _status_line(reply)
    structured: object = None
    content: list[types.ContentBlock] = []
    if body:
        content.append(_content(reply, body, tool))
        structured = _structured(reply, body)
    if not body or is_error or 300 <= reply.status < 400:
        content.append(types.TextContent(text=status))
    if not body and not is_error:
        location = reply.header(b"location")
        structured = {"status": reply.status} | ({"location": location} if location else {})
    return types.CallToolResult(content=content, structured_content=structured, is_error=is_error)


def _status_line(reply: Reply) -> str:
    """What an agent should know of a reply that is more, or less, than its body."""
    told = [f"HTTP {reply.status} {reply.reason}".rstrip()]
    told += [
        f"{name.title()}: {value}" for name in ("location", "retry-after") if (value := reply.header(name.encode()))
    ]
    return "; ".join(told)


def _content(reply: Reply, body: bytes, tool: McpTool) -> types.ContentBlock:
    kind = reply.content_type
    if kind.startswith("image/"):
        return types.ImageContent(data=b64encode(body).decode(), mime_type=kind)
    if kind.startswith("audio/"):
        return types.AudioContent(data=b64encode(body).decode(), mime_type=kind)
    try:
        return types.TextContent(text=body.decode())
    except UnicodeDecodeError:
        resource = types.BlobResourceContents(
            uri=f"capability:{tool.call.operation}",
            mime_type=kind or "application/octet-stream",
            blob=b64encode(body).decode(),
        )
        return types.EmbeddedResource(resource=resource)


def _structured(reply: Reply, body: bytes) -> object:
    """The JSON in a body; older clients take nothing but an object, so that all else is wrapped in one."""
    kind = reply.content_type
    if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
        return None
    try:
        value: object = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else {"result": value}


def _problem(problem: Problem) -> types.CallToolResult:
    document = problem_document(problem)
    text = msgspec.json.encode(document).decode()
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=document, is_error=True)
