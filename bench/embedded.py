"""Palio without its server: the engine in this process, called by tasks of the same event loop.

    python bench/embedded.py DATABASE_URL DATA_FOLDER

The first line on stdout says how the database was opened; then it answers as `worker.py` says.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import uvloop
import worker
from servers import BODY

from palio.blobs.fetch import Fetcher, FetchPolicy
from palio.blobs.images import ImageLimits
from palio.blobs.objects import ObjectStore
from palio.blobs.service import Blobs
from palio.blobs.signing import Signer
from palio.engine.inputs import Inputs
from palio.engine.orchestrator import Orchestrator
from palio.engine.room import Room
from palio.engine.service import WorkflowService
from palio.engine.upkeep import Upkeep
from palio.providers.scripted import Script, Scripted
from palio.race.clock import LoopClock
from palio.race.field import Field
from palio.race.stand import Entrant
from palio.store.store import Store

ACCOUNT = "bench"


async def main(url: str, data: Path) -> None:
    body = json.loads(BODY)
    store = Store(url)
    print(_durability(store), flush=True)
    async with _engine(store, data) as service:

        async def workflow() -> None:
            stored = await service.submit(ACCOUNT, body, wait=60)
            if stored.document.status != "succeeded":
                raise RuntimeError(f"workflow {stored.id} ended as {stored.document.status}")

        await worker.serve(workflow)


@asynccontextmanager
async def _engine(store: Store, data: Path) -> AsyncIterator[WorkflowService]:
    """What `surfaces/server.py` puts together, without HTTP; the one provider takes no time."""
    objects = ObjectStore.open(str(data / "blobs"))
    blobs = Blobs(
        objects, store.files.data, Signer(bytes(32), timedelta(days=1)), ImageLimits(), Fetcher(FetchPolicy())
    )
    inputs = Inputs(blobs)
    provider = Scripted("zero", 1000, None, Script(tiny=True))
    field = Field([Entrant(provider.name, provider.concurrency)], LoopClock(), Random())
    room = Room(
        workflows=store.workflows,
        ledger=store.ledger,
        blobs=blobs,
        inputs=inputs,
        providers={provider.name: provider},
        field=field,
        base_url="http://palio.bench",
        retention=timedelta(days=30),
        step_timeout=timedelta(minutes=10),
    )
    orchestrator = Orchestrator(room, Upkeep(field, store.ledger, store.records), max_active=1000)
    await orchestrator.take_up()
    serving = asyncio.ensure_future(orchestrator.serve())
    try:
        yield WorkflowService(store.workflows, orchestrator, inputs, max_wait=60)
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        await blobs.close()
        store.close()


def _durability(store: Store) -> str:
    """How a commit is made durable, as a connection of the store itself says."""
    if not store.database.is_sqlite:
        return "Postgres"
    connection = store.database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode")
        journal = cursor.fetchone()[0]
        cursor.execute("PRAGMA synchronous")
        return f"SQLite, journal_mode={journal}, synchronous={cursor.fetchone()[0]}"
    finally:
        connection.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
