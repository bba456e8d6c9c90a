"""What has to be done now and then while workflows run: leases renewed, records of providers kept."""

import asyncio
import logging

import msgspec

from palio.contract.instant import now
from palio.engine.attempt_run import LEASE
from palio.race.field import Field
from palio.race.record import Kept, Record
from palio.store.ledger import Ledger
from palio.store.records import Records

log = logging.getLogger(__name__)

RENEW_SECONDS = LEASE.total_seconds() / 3
KEEP_SECONDS = 10.0


class Upkeep:
    """The upkeep of one process."""

    def __init__(self, field: Field, ledger: Ledger, records: Records) -> None:
        self._field = field
        self._ledger = ledger
        self._records = records
        self._kept: dict[tuple[str, str], int] = {}

    async def begin(self) -> None:
        """Remember what earlier processes learnt of the providers."""
        for key, data in (await self._records.load()).items():
            try:
                self._field.records[key] = Record.from_kept(msgspec.json.decode(data, type=Kept))
            except (msgspec.MsgspecError, ValueError):
                log.warning("the record of %s at %s cannot be read and is begun anew", key[1], key[0])

    async def go_on(self) -> None:
        """Keep everything up until cancelled, and save what was learnt last."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew_leases())
                group.create_task(self._keep_records())
        finally:
            await self._save()

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._ledger.renew(now() + LEASE)
            except Exception:
                log.exception("leases could not be renewed; trying again in %g s", RENEW_SECONDS)

    async def _keep_records(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            await self._save()

    async def _save(self) -> None:
        records = self._field.records
        revisions = {key: record.revision for key, record in records.items()}
        changed = {key: records[key] for key, revision in revisions.items() if self._kept.get(key, 0) != revision}
        if not changed:
            return
        try:
            await self._records.save(
                {key: msgspec.json.encode(record.to_kept()).decode() for key, record in changed.items()}
            )
        except Exception:
            log.exception("records of providers could not be kept; trying again in %g s", KEEP_SECONDS)
            return
        self._kept = revisions
