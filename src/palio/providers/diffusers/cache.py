"""What is kept loaded: the pipelines used last, within a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TooLarge(Exception):
    """It would not fit if nothing else were there."""


class Cache(Generic[T]):
    """The least recently used go first, and before what needs their room is loaded.

    `measure` tells the bytes of what was loaded; `let_go` is called when something has been dropped.
    """

    def __init__(self, bound: int, measure: Callable[[T], int], let_go: Callable[[], None]) -> None:
        self.bound = bound
        self._measure = measure
        self._let_go = let_go
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()

    @property
    def resident(self) -> dict[str, int]:
        """Bytes by key, the least recently used first."""
        return {key: size for key, (_, size) in self._kept.items()}

    def find(self, key: str) -> T | None:
        """What is there, which makes it the most recently used."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def load(self, key: str, expected: int, load: Callable[[], T]) -> T:
        """What `load` returns, kept, once room was made for the bytes it is expected to have. Raises TooLarge."""
        self._make_room(expected)
        loaded = load()
        size = self._measure(loaded)
        try:
            self._make_room(size)
        except TooLarge:
            del loaded
            self._let_go()
            raise
        self._kept[key] = (loaded, size)
        return loaded

    def measure_anew(self, key: str) -> None:
        """Make room for what a kept one has grown by; it is dropped itself where it no longer fits. Raises TooLarge."""
        kept, _ = self._kept.pop(key)
        size = self._measure(kept)
        try:
            self._make_room(size)
        except TooLarge:
            del kept
            self._let_go()
            raise
        self._kept[key] = (kept, size)

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self._let_go()

    def _make_room(self, size: int) -> None:
        if size > self.bound:
            raise TooLarge(f"it takes {size:,} bytes, and `memory` allows {self.bound:,} for all")
        dropped = False
        while self._kept and size + sum(self.resident.values()) > self.bound:
            self._kept.popitem(last=False)
            dropped = True
        if dropped:
            self._let_go()
