"""Who is calling: bearer tokens to accounts."""

from time import monotonic

from starlette.requests import Request

from palio.errors import Unauthorized
from palio.store.tokens import Tokens

TRUST_SECONDS = 2.0
"""How long a token that was good is taken for good without asking: a revoked one works that long at most."""

MAX_REMEMBERED = 10_000


class Accounts:
    """Finds the account of a request."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._known: dict[str, tuple[str, float]] = {}

    async def of(self, request: Request) -> str:
        """The caller's account. Raises Unauthorized."""
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("send a token in the header `Authorization: Bearer <token>`")
        return await self._account(token.strip())

    async def _account(self, token: str) -> str:
        known = self._known.get(token)
        at = monotonic()
        if known is not None and at - known[1] < TRUST_SECONDS:
            return known[0]
        account = await self._tokens.account(token)
        if account is None:
            self._known.pop(token, None)
            raise Unauthorized("this token is not known, or was revoked")
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[token] = account, at
        return account
