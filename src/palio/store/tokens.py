"""Bearer tokens, stored hashed. Each token is an account that sees only its own workflows and blobs."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, or_, select, update

from palio.contract.identity import new_id
from palio.contract.instant import from_micros, now, to_micros
from palio.store.database import Database
from palio.store.statement import Row, Statement, Value
from palio.store.tables import tokens

PREFIX = "palio_"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of a token; the token itself is not."""

    id: str
    name: str
    operator: bool
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """Who a token speaks for. An operator may also see the server's providers and what they cost."""

    id: str
    operator: bool


class Tokens:
    """The table of tokens. Commands use it while the server runs, so every call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, *, operator: bool = False) -> str:
        """A new token, which cannot be read again."""
        token = PREFIX + secrets.token_urlsafe(32)
        row: dict[str, Value] = {
            "id": new_id(),
            "name": name,
            "hash": hash_token(token),
            "operator": operator,
            "created_at": to_micros(now()),
            "revoked_at": None,
        }
        self._database.apply(lambda transaction: transaction.run(_INSERT, row))
        return token

    def list(self) -> list[TokenInfo]:
        """Every token, oldest first."""
        rows = self._database.apply(lambda transaction: transaction.all(_ALL, {}), writes=False)
        return [_token(row) for row in rows]

    def revoke(self, name_or_id: str) -> int:
        """Make tokens invalid; how many there were of that name or id."""
        parameters: dict[str, Value] = {"named": name_or_id, "new_revoked_at": to_micros(now())}
        return self._database.apply(lambda transaction: transaction.run(_REVOKE, parameters))

    async def account(self, token: str) -> Account | None:
        """The account of a valid token."""
        row = await self._database.read(_BY_HASH, {"key": hash_token(token)})
        return Account(str(row[0]), bool(row[1])) if row is not None else None


def hash_token(token: str) -> str:
    """What is stored of a token: it is long and random, so a plain SHA-256 cannot be reversed by guessing."""
    return hashlib.sha256(token.encode()).hexdigest()


def _token(row: Row) -> TokenInfo:
    id_, name, operator, created_at, revoked_at = row
    return TokenInfo(
        id=str(id_),
        name=str(name),
        operator=bool(operator),
        created_at=from_micros(int(created_at or 0)),
        revoked_at=None if revoked_at is None else from_micros(int(revoked_at)),
    )


_INSERT = Statement(insert(tokens))
_ALL = Statement(
    select(tokens.c.id, tokens.c.name, tokens.c.operator, tokens.c.created_at, tokens.c.revoked_at).order_by(
        tokens.c.created_at
    )
)
_REVOKE = Statement(
    update(tokens)
    .where(
        or_(tokens.c.id == bindparam("named"), tokens.c.name == bindparam("named")),
        tokens.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("new_revoked_at"))
)
_BY_HASH = Statement(
    select(tokens.c.id, tokens.c.operator).where(tokens.c.hash == bindparam("key"), tokens.c.revoked_at.is_(None))
)
