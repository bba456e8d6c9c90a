"""Tokens as commands manage them: on the server's database, also while the server runs."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from palio.errors import SetupError
from palio.settings import Settings
from palio.store.database import sqlite_url
from palio.store.store import Store
from palio.store.tokens import TokenInfo, Tokens

FIRST = "default"
"""The name of the token that the first start makes, for whoever runs the server."""

MAX_NAME = 200


def create_token(settings: Settings, name: str, *, operator: bool = False) -> str:
    """Make a token and return it, the only time that it can be seen. Raises SetupError."""
    if not name.strip() or len(name) > MAX_NAME:
        raise SetupError(f"a token's name has 1 to {MAX_NAME} characters")
    with _tokens(settings) as tokens:
        return tokens.create(name, operator=operator)


def list_tokens(settings: Settings) -> Sequence[TokenInfo]:
    """Every token there is or was, oldest first."""
    with _tokens(settings) as tokens:
        return tokens.list()


def revoke_token(settings: Settings, name_or_id: str) -> None:
    """Make the tokens of that name, or with that id, invalid. Raises SetupError if there is none."""
    with _tokens(settings) as tokens:
        if tokens.revoke(name_or_id) == 0:
            raise SetupError(f"there is no valid token with the name or id {name_or_id!r}; see `palio token list`")


def make_data_folder(settings: Settings) -> None:
    """Make sure that there is a data folder, and that what is put there is its owner's alone. Raises SetupError."""
    os.umask(0o077)
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"the data folder {settings.data} cannot be made: {error.strerror}") from error


def open_store(settings: Settings) -> Store:
    """The store of a data folder, or of a database by URL; the folder is made if need be. Raises SetupError."""
    make_data_folder(settings)
    return Store(settings.database_url or sqlite_url(settings.data))


def ensure_first_token(settings: Settings, tokens: Tokens) -> None:
    """Without a token in the data folder: make one and keep it there, readable by its owner only.

    One that is there from another database is of no use: where there are no tokens at all it is replaced.
    """
    if settings.token_file.exists() and tokens.list():
        return
    passing = settings.token_file.with_suffix(".new")
    passing.unlink(missing_ok=True)
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(tokens.create(FIRST, operator=True) + "\n")
    passing.replace(settings.token_file)


@contextmanager
def _tokens(settings: Settings) -> Iterator[Tokens]:
    store = open_store(settings)
    try:
        yield store.tokens
    finally:
        store.close()
