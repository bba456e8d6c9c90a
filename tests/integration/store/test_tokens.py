"""Tokens are accounts. Only their hashes are kept, and commands may make them while the server writes."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.conftest import PALIO, environment
from tests.integration.store.documents import recorded

from palio.store.store import Store
from palio.store.tokens import Account


async def test_a_token_is_an_account(store: Store) -> None:
    ann, bob = store.tokens.create("ann"), store.tokens.create("bob")

    accounts = [await store.tokens.account(token) for token in (ann, bob)]

    assert ann.startswith("palio_")
    assert accounts == [Account(info.id, operator=False) for info in store.tokens.list()]
    assert await store.tokens.account(ann + "x") is None
    assert await store.tokens.account("") is None


async def test_tokens_are_listed_oldest_first_without_what_would_let_anyone_in(store: Store) -> None:
    token = store.tokens.create("ann")
    store.tokens.create("bob")

    listed = store.tokens.list()

    assert [(info.name, info.revoked_at) for info in listed] == [("ann", None), ("bob", None)]
    assert token not in repr(listed)


async def test_only_hashes_are_kept(store: Store) -> None:
    token = store.tokens.create("ann")

    with store.database.engine.connect() as connection:
        [row] = connection.execute(text("SELECT * FROM tokens")).all()

    assert not any(token in str(value) or token.removeprefix("palio_") in str(value) for value in row)


@pytest.mark.parametrize("by", ["name", "id"])
async def test_a_revoked_token_lets_nobody_in(store: Store, by: str) -> None:
    ann, bob = store.tokens.create("ann"), store.tokens.create("bob")
    info = store.tokens.list()[0]

    assert store.tokens.revoke(info.name if by == "name" else info.id) == 1

    assert await store.tokens.account(ann) is None
    assert await store.tokens.account(bob) is not None
    assert [info.revoked_at is None for info in store.tokens.list()] == [False, True]


async def test_a_token_is_revoked_once_and_all_of_a_name_at_once(store: Store) -> None:
    for name in ("ann", "ann", "bob"):
        store.tokens.create(name)

    assert [store.tokens.revoke(name) for name in ("ann", "ann", "carol")] == [2, 0, 0]


async def test_a_revocation_counts_at_once_in_other_processes(open_store: Callable[[], Store]) -> None:
    server, command = open_store(), open_store()
    token = command.tokens.create("ann")
    assert await server.tokens.account(token) is not None

    command.tokens.revoke("ann")

    assert await server.tokens.account(token) is None


async def test_a_command_makes_a_token_while_the_server_is_writing(store: Store, url: str, tmp_path: Path) -> None:
    database = {} if url.startswith("sqlite") else {"PALIO_DATABASE_URL": url}
    stop = asyncio.Event()
    slowest = 0.0

    async def submit_without_pause() -> None:
        nonlocal slowest
        while not stop.is_set():
            began = time.monotonic()
            await recorded(store)
            slowest = max(slowest, time.monotonic() - began)

    def create(name: str) -> str:
        command = [*PALIO, "token", "create", name, "--data", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment(**database))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(submit_without_pause())
        made = await asyncio.gather(*(asyncio.to_thread(create, name) for name in ("ann", "bob")))
        stop.set()

    assert [await store.tokens.account(token) is not None for token in made] == [True, True]
    assert slowest < 5
