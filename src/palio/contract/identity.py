"""Ids: 32 hexadecimal digits that sort by the time they were made, 12 of it and 20 nobody can guess."""

import os
from threading import Lock
from time import time_ns

_BLOCK = 8192


class _Randomness:
    """The system's randomness, taken in blocks: asking for it gives up the interpreter lock, each time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._block = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        with self._lock:
            if self._used + count > len(self._block):
                self._block = os.urandom(_BLOCK)
                self._used = 0
            taken = self._block[self._used : self._used + count]
            self._used += count
            return taken


_randomness = _Randomness()
os.register_at_fork(after_in_child=_randomness.__init__)  # type: ignore[misc]


def random_bytes(count: int) -> bytes:
    """Up to 8192 bytes that nobody can guess."""
    return _randomness.take(count)


def new_id() -> str:
    """A new id."""
    return f"{time_ns() // 1_000_000:012x}{random_bytes(10).hex()}"
