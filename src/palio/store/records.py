"""What providers have shown of themselves, as a restart finds it again."""

from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ClauseElement

from palio.contract.instant import now, to_micros
from palio.store.database import Database, Transaction
from palio.store.statement import Statement, Value
from palio.store.tables import records

Key: TypeAlias = tuple[str, str]
"""A provider and a model of its."""


class Records:
    """The table of records: JSON by provider and model."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[Key, str]:
        """Everything that is kept."""
        rows = await self._database.query(lambda transaction: transaction.all(_ALL, {}))
        return {(str(provider), str(model)): str(data) for provider, model, data in rows}

    async def save(self, changed: Mapping[Key, str]) -> None:
        """Keep these, in place of what was kept of them before."""
        at = to_micros(now())
        rows: list[dict[str, Value]] = [
            {"provider": provider, "model": model, "data": data, "updated_at": at}
            for (provider, model), data in changed.items()
        ]

        def change(transaction: Transaction) -> None:
            for row in rows:
                transaction.run(_SAVE, row)

        await self._database.write(change)


def _save(dialect: str) -> ClauseElement:
    insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
    statement = insert(records).values({name: bindparam(name) for name in ("provider", "model", "data", "updated_at")})
    return statement.on_conflict_do_update(
        index_elements=["provider", "model"],
        set_={"data": statement.excluded.data, "updated_at": statement.excluded.updated_at},
    )


_ALL = Statement(select(records.c.provider, records.c.model, records.c.data))
_SAVE = Statement(_save)
