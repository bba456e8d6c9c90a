"""What providers that run on this machine ask of the store of weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from palio.errors import PalioError

Tell: TypeAlias = Callable[[float], None]
"""Hears how far something has come, 0..1."""


class NotFetched(PalioError):
    """Weights that are not here, and cannot be had now."""


class Weights(Protocol):
    """Finds weights by AIR, and fetches those that are not here."""

    def path(self, air: str) -> Path | None:
        """The file or folder that an AIR stands for; None if it is not here. Answers at once."""

    def why_not(self, air: str) -> str | None:
        """Why weights that are not here cannot be fetched either; None if they can, as far as is known."""

    async def fetch(self, air: str, tell: Tell) -> Path:
        """The file or folder, once it is here. Raises NotFetched."""


class NoWeights:
    """There are none."""

    def path(self, air: str) -> Path | None:
        return None

    def why_not(self, air: str) -> str | None:
        return f"there is no file for {air}"

    async def fetch(self, air: str, tell: Tell) -> Path:
        raise NotFetched(f"there is no file for {air}")
