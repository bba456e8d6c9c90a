"""Who is calling: bearer tokens to accounts."""

from time import monotonic

from starlette.requests import Request

from palio.errors import Forbidden, Unauthorized
from palio.store.tokens import Account, Tokens

TRUST_SECONDS = 2.0
"""How long a token that was good is taken for good without asking: a revoked one works that long at most."""

MAX_REMEMBERED = 10_000


class Accounts:
    """Finds the account of a request."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._known: dict[str, tuple[Account, float]] = {}

    async def of(self, request: Request) -> str:
        """The caller's account. Raises Unauthorized."""
        return (await self._caller(request)).id

    async def operator(self, request: Request) -> str:
        """The caller's account, which has to be an operator's. Raises Unauthorized, Forbidden."""
        account = await self._caller(request)
        if not account.operator:
            raise Forbidden("this needs an operator's token; `palio token create NAME --operator` makes one")
        return account.id

    async def _caller(self, request: Request) -> Account:
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("send a token in the header `Authorization: Bearer <token>`")
        return await self._account(token.strip())

    async def _account(self, token: str) -> Account:
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
