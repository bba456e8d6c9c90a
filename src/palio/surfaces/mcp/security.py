"""What the SDK checks and knows of a request: its Host and Origin, against DNS rebinding, and who sent it."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from palio.surfaces.mcp.protocol import CALLER
from palio.surfaces.mcp.tools import Caller

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


async def refusal(request: Request, hosts: Sequence[str]) -> Response | None:
    """421 or 403 for a request that a page of a stranger could have made by rebinding a name to this server.

    `hosts` are the names this server goes by. A Host that is an address cannot be rebound and is always taken: who
    listens beyond loopback is reached by many. A page may call if it is from loopback or from a host that is ours.
    """
    hostname = _hostname(request)
    known = [*LOOPBACK, *hosts, *([hostname] if _is_address(hostname) else [])]
    settings = TransportSecuritySettings(
        allowed_hosts=list(_any_port(known)),
        allowed_origins=[f"{scheme}://{host}" for scheme in ("http", "https") for host in _any_port(known)],
    )
    return await TransportSecurityMiddleware(settings).validate_request(request)


def identified(scope: Scope, caller: Caller) -> Scope:
    """The scope of a request with its caller: for the handlers, and so that a session stays with its account."""
    user = AuthenticatedUser(AccessToken(token="-", client_id=caller.account, scopes=[]))  # noqa: S106 - not shown
    return {**scope, "user": user, CALLER: caller}


def _hostname(request: Request) -> str:
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""
    return f"[{host}]" if ":" in host else host


def _is_address(hostname: str) -> bool:
    try:
        ip_address(hostname.strip("[]"))
    except ValueError:
        return False
    return True


def _any_port(hosts: Sequence[str]) -> Iterator[str]:
    for host in hosts:
        yield host
        yield f"{host}:*"
