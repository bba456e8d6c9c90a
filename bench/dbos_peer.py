"""DBOS: the same one-job workflow, durable before, between and after.

    python bench/dbos_peer.py DATABASE_URL WAY

WAY is how callers run workflows: `async` (start_workflow_async and its handle's result) or `threads` (the workflow
called on the caller's thread; at 64 in flight, start_workflow on DBOS's own was slower). The first line on
stdout says how the database was opened; then it answers as `worker.py` says.
"""

import io
import json
import sqlite3
import sys

import uvloop
import worker
from dbos import DBOS, DBOSConfig
from PIL import Image
from servers import BODY

_file = io.BytesIO()
Image.new("RGB", (64, 64)).save(_file, "PNG")
PNG = _file.getvalue()


@DBOS.step()
async def make() -> bytes:
    return PNG


@DBOS.workflow()
async def one_job(body: object) -> bytes:
    return await make()


@DBOS.step()
def make_blocking() -> bytes:
    return PNG


@DBOS.workflow()
def one_job_blocking(body: object) -> bytes:
    return make_blocking()


def main(url: str, way: str) -> None:
    body = json.loads(BODY)
    config: DBOSConfig = {"name": "bench-peer", "system_database_url": url, "log_level": "ERROR"}
    if url.startswith("sqlite:"):
        # SQLite has one writer: twenty connections, as is the default, sleep and retry on its lock, and are slower.
        config["sys_db_pool_size"] = 1
    print(_durability(url), flush=True)
    DBOS(config=config)
    if way == "async":
        uvloop.run(_serve(body))
    else:
        _serve_threads(body)


async def _serve(body: object) -> None:
    async def workflow() -> None:
        handle = await DBOS.start_workflow_async(one_job, body)
        assert await handle.get_result() == PNG

    DBOS.launch()
    try:
        await worker.serve(workflow)
    finally:
        DBOS.destroy()


def _serve_threads(body: object) -> None:
    def workflow() -> None:
        assert one_job_blocking(body) == PNG

    DBOS.launch()
    try:
        worker.serve_threads(workflow)
    finally:
        DBOS.destroy()


def _durability(url: str) -> str:
    """Gives a SQLite file a write-ahead log, which it keeps, and says how a commit is made durable.

    DBOS sets neither journal_mode nor synchronous (`_sys_db_sqlite.py` of 3.4): the first would be `delete`, with a
    file made and removed for each commit; the second is the library's default, as this connection has it.
    """
    if not url.startswith("sqlite:///"):
        return "Postgres"
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        journal = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    connection.close()
    return f"SQLite, journal_mode={journal}, synchronous={synchronous}"


if __name__ == "__main__":
    main(*sys.argv[1:])
