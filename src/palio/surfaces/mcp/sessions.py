"""The sessions that each account has open. The SDK bounds all sessions together; here nobody takes them all.

Needs the SDK's names of versions: `endpoint` imports this module when the first client is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from palio.errors import TooBusy

MAX_OF_ACCOUNT = 50
"""Sessions that one account may have open at the same time."""

SESSION = "mcp-session-id"
VERSION = "mcp-protocol-version"


@dataclass(eq=False, slots=True)
class Session:
    """One session; its id is None until the server has given it one. `used_at` is the end of its last request."""

    account: str
    used_at: float
    id: str | None = None
    under_way: int = 0


class Sessions:
    """Counts what requests open, use and end. A session without a request for `idle_seconds` counts no more."""

    def __init__(self, idle_seconds: float, time: Callable[[], float] = monotonic) -> None:
        self._idle_seconds = idle_seconds
        self._time = time
        self._of: dict[str, set[Session]] = {}
        self._by_id: dict[str, Session] = {}

    async def serve(self, app: ASGIApp, account: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` answer a request of an account. Raises TooBusy if it would open a session too many."""
        session = self._session(account, Headers(scope=scope))
        if session is None:
            await app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = Headers(raw=message.get("headers", [])).get(SESSION)
                if session.id is None and given is not None and status < 400:
                    session.id = given
                    self._by_id[given] = session
            await send(message)

        session.under_way += 1
        try:
            await app(scope, receive, watched)
        finally:
            session.under_way -= 1
            session.used_at = self._time()
            has_ended = status == 404 or (scope["method"] == "DELETE" and status < 400)
            if session.id is None or has_ended:
                self._forget(session)

    def _session(self, account: str, headers: Headers) -> Session | None:
        """What a request belongs to, or would open; None if it needs no session, or has one that is not known."""
        session_id = headers.get(SESSION)
        if session_id is not None:
            session = self._by_id.get(session_id)
            return session if session is not None and session.account == account else None
        if headers.get(VERSION, HANDSHAKE_PROTOCOL_VERSIONS[0]) not in HANDSHAKE_PROTOCOL_VERSIONS:
            return None
        for idle in [each for each in self._of.get(account, ()) if self._is_idle(each)]:
            self._forget(idle)
        of_account = self._of.setdefault(account, set())
        if len(of_account) >= MAX_OF_ACCOUNT:
            raise TooBusy(f"this account has {MAX_OF_ACCOUNT} sessions open; end one with DELETE, or use one again")
        session = Session(account, self._time())
        of_account.add(session)
        return session

    def _is_idle(self, session: Session) -> bool:
        return not session.under_way and self._time() - session.used_at > self._idle_seconds

    def _forget(self, session: Session) -> None:
        if session.id is not None:
            self._by_id.pop(session.id, None)
        of_account = self._of.get(session.account, set())
        of_account.discard(session)
        if not of_account:
            self._of.pop(session.account, None)
