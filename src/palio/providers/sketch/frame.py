"""The canvas of a scene and the heights its ground is built on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHORT_SIDE: Final = 1000.0

_HORIZONS: Final = {
    "room": 0.7,
    "underwater": 0.8,
    "sky": 0.86,
    "space": 0.78,
    "sea": 0.5,
    "beach": 0.5,
    "city": 0.74,
}
_STANDS: Final = {"room": 0.85, "underwater": 0.9, "sky": 0.86, "space": 0.9, "sea": 0.8, "city": 0.88}


@dataclass(frozen=True, slots=True)
class Frame:
    """A thousand units on the short side. `horizon` is where the ground begins and `stand` where feet rest, both
    measured down from the top."""

    width: float
    height: float
    horizon: float
    stand: float

    @property
    def short(self) -> float:
        return min(self.width, self.height)


def frame(width: int, height: int, place: str) -> Frame:
    """The canvas for a picture of that many pixels."""
    unit = SHORT_SIDE / min(width, height)
    across, down = width * unit, height * unit
    return Frame(
        width=across,
        height=down,
        horizon=down * _HORIZONS.get(place, 0.6),
        stand=down * _STANDS.get(place, 0.86),
    )
