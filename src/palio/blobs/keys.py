"""The secret that signs URLs, kept in a file that only its owner may read."""

import contextlib
import os
import secrets
from pathlib import Path

from palio.errors import SetupError

KEY_BYTES = 32


def load_or_create_key(path: Path) -> bytes:
    """The 32 bytes in `path`, made of random ones if there is no such file.

    Two processes that start at the same time end up with the same key. Raises SetupError.
    """
    try:
        if not path.exists():
            _create(path)
        key = path.read_bytes()
    except OSError as error:
        raise SetupError(f"the signing key {path} cannot be read or made: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise SetupError(f"{path} is not a signing key: it has {len(key)} bytes instead of {KEY_BYTES}")
    return key


def _create(path: Path) -> None:
    # Written in full under another name and then linked: the link fails where another process was faster, and
    # nobody ever reads half a key.
    path.parent.mkdir(parents=True, exist_ok=True)
    passing = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(passing, path)
    finally:
        os.unlink(passing)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
