"""REST exposure: a request of the caller becomes one request to an API, and the reply goes back as it is."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from palio.errors import BadRequest, Problem, TooLarge
from palio.surfaces.capability.forwarder import BadGateway, Forwarder, Reply, ReplyBroken
from palio.surfaces.capability.outgoing import Body, Outgoing, outgoing
from palio.surfaces.capability.paths import segments_of
from palio.surfaces.capability.plan import Credential, FromRequest, Json, RestRoute, Source
from palio.surfaces.capability.problems import NotAllowed, send_problem

log = logging.getLogger(__name__)

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a body that a caller may send. It is held whole, since it is looked into before the API sees it."""

BODY_SECONDS = 120.0
"""How long a body may take to arrive."""

SEND_SECONDS = 60.0
"""How long a caller may take to make room for the next part of a reply."""

WHOLE = 64 * 1024
"""Bytes up to which a reply of known length is passed on in one piece."""

MAX_QUERY_MEMBERS = 1000

FORWARDED = frozenset(
    [
        *("accept", "accept-encoding", "accept-language", "content-encoding", "content-type", "idempotency-key"),
        *("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "prefer", "range"),
        *("traceparent", "tracestate", "user-agent"),
    ]
)
"""Headers of the caller that go on to the API. Cookies do not, nor what lets the caller in."""

NOT_RETURNED = frozenset(
    [
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-connection", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade", b"date", b"server", b"set-cookie"),
    ]
)
"""Headers of a reply that are about a connection or a server that the caller has nothing to do with."""


class Resources(BaseRoute):
    """Everything that one port exposes as REST.

    Starlette's own routes match decoded paths, in which a `/` within a value looks like any other.
    """

    def __init__(self, routes: Sequence[RestRoute], forwarder: Forwarder, *, own_credential: bool) -> None:
        self._forwarder = forwarder
        self._own_credential = own_credential
        self._routes = sorted(((route.path.matcher(), route) for route in routes), key=lambda pair: pair[0].rank)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        segments = segments_of(scope["raw_path"])
        allowed: list[str] = []
        for matcher, route in self._routes:
            values = matcher.match(segments)
            if values is not None:
                if route.method == scope["method"]:
                    return Match.FULL, {"palio.route": route, "path_params": values}
                allowed.append(route.method)
        return (Match.FULL, {"palio.allowed": allowed}) if allowed else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: RestRoute | None = scope.get("palio.route")
        if route is None:
            allowed = ", ".join(sorted(scope["palio.allowed"]))
            refusal = NotAllowed(f"{scope['method']} cannot be done here; {allowed} can")
            await send_problem(send, refusal, ((b"allow", allowed.encode()),))
            return
        try:
            request = _Request(scope)
            if route.call.takes_body:
                data = await _read_body(request.all_headers, receive)
                told = request.all_headers
                request.body = Body(data, told.get("content-type", ""), told.get("content-encoding", ""))
            call = outgoing(route.call, request, own_credential=self._own_credential)
        except Problem as problem:
            await send_problem(send, problem)
            return
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(_until_hung_up(receive))
                await self._exchange(call, send)
                watch.cancel()
        except* _HungUp:
            pass  # nobody is there to answer, and the API has been told by the end of its connection

    async def _exchange(self, call: Outgoing, send: Send) -> None:
        try:
            async with self._forwarder.send(call) as reply:
                await _return(reply, send)
        except Problem as problem:
            await send_problem(send, problem)
        except (ReplyBroken, TimeoutError) as error:
            # The status is gone already. An end that is missing is all that can still be said.
            log.warning("a reply broke off: %s", error or "the caller did not take it")


class _Request:
    """What a caller brings by HTTP."""

    def __init__(self, scope: Scope) -> None:
        self.body = Body()
        self.all_headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1"), _text(value)
            self.all_headers[key] = f"{self.all_headers[key]}, {text}" if key in self.all_headers else text
        self.headers: Mapping[str, str] = {name: value for name, value in self.all_headers.items() if name in FORWARDED}
        self._path: dict[str, str] = scope["path_params"]
        self._query = _query(scope["query_string"])

    def value(self, source: Source) -> Json:
        match source:
            case FromRequest("path", name):
                return self._path.get(name)
            case FromRequest("query", name):
                return [*values] if (values := self._query.get(name)) else None
            case FromRequest("header", name):
                return self.all_headers.get(name.lower())
            case _:
                return None

    def credential(self, place: Credential) -> str | None:
        if place.place == "header":
            return self.all_headers.get(place.name.lower())
        return self._query.get(place.name, [None])[0]


def _text(value: bytes) -> str:
    """A header's value. Headers are sent on as UTF-8; those that came as something else are taken for Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _HungUp(Exception):
    """The caller did not wait for the end."""


async def _until_hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise _HungUp


async def _return(reply: Reply, send: Send) -> None:
    has_body = reply.status not in (204, 304)
    length = reply.length
    # What `Connection` names is about the connection, too (RFC 9110, 7.6.1).
    dropped = NOT_RETURNED | {name.strip().lower().encode() for name in reply.header(b"connection").split(",")}
    start = {
        "type": "http.response.start",
        "status": reply.status,
        "headers": [
            (name, value)
            for name, value in reply.headers
            if name not in dropped and (has_body or name != b"content-length")
        ],
    }
    if length is not None and length <= WHOLE:
        try:
            data = await reply.read(WHOLE)
        except ReplyBroken:
            raise BadGateway("the API broke off in the middle of its reply") from None
        await send(start)
        await send({"type": "http.response.body", "body": data or b""})
        return
    await send(start)
    async for chunk in reply.chunks():
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


async def _read_body(headers: dict[str, str], receive: Receive) -> bytes:
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest.at("body", "did not arrive whole")
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > MAX_BODY:
                    raise _too_large()
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise BadRequest.at("body", f"did not arrive within {BODY_SECONDS:g} seconds") from None


def _too_large() -> TooLarge:
    return TooLarge(f"the body is larger than the {MAX_BODY} bytes that are read here")


def _query(text: bytes) -> dict[str, list[str]]:
    if not text:
        return {}
    try:
        pairs = parse_qsl(
            text.decode("latin-1"), keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_QUERY_MEMBERS
        )
    except ValueError:
        raise BadRequest(f"the query has more than {MAX_QUERY_MEMBERS} members") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
