"""Forgetting what is old: workflows some time after their end, blobs when nobody prolonged them."""

import asyncio
import logging
from datetime import datetime, timedelta

from palio.blobs.service import Blobs
from palio.contract.instant import now
from palio.store.store import Store

log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)


async def sweep_for_ever(store: Store, blobs: Blobs, retention: timedelta) -> None:
    """Sweep now and then every hour, until cancelled."""
    while True:
        try:
            await sweep(store, blobs, retention, now())
        except Exception:  # of the store too: a full disk must not end the server
            log.exception("not all that is old could be removed; the next sweep tries again")
        await asyncio.sleep(EVERY.total_seconds())


async def sweep(store: Store, blobs: Blobs, retention: timedelta, at: datetime) -> None:
    """Remove everything whose time has passed at an instant: bytes first, then their record."""
    try:
        while expired := await store.files.expired(at):
            for blob_id in expired:
                file = await store.files.load(blob_id)
                if file is not None and file.expires_at < at:  # and was not prolonged while the others were removed
                    await blobs.delete(blob_id)
                    await store.files.forget(blob_id)
    finally:
        while await store.workflows.purge(completed_before=at - retention):
            pass
