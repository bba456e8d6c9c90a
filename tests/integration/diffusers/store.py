"""Weights that are fetched when they are asked for: copied, for here they are on the same disk."""

import shutil
from pathlib import Path

from palio.resources.weights import NotFetched, Tell

FETCHED = "urn:air:sd1:checkpoint:civitai:9@900001"
BROKEN = "urn:air:sd1:checkpoint:civitai:9@900002"
FETCHABLE = (FETCHED, BROKEN)


class Store:
    """Has two checkpoints to be fetched, one of which cannot be."""

    def __init__(self, tiny: Path) -> None:
        self._source = tiny / "sd1"
        self._here = tiny / "fetched"

    def path(self, air: str) -> Path | None:
        return self._here if air == FETCHED and self._here.exists() else None

    def why_not(self, air: str) -> str | None:
        return None if air in FETCHABLE else f"there is no file for {air}"

    async def fetch(self, air: str, tell: Tell) -> Path:
        if air != FETCHED:
            raise NotFetched(f"{air} is gone")
        tell(0.5)
        shutil.copytree(self._source, self._here)
        tell(1.0)
        return self._here
