"""Where the open water of a scene lies, for what floats to lie on."""

from __future__ import annotations

from dataclasses import dataclass

from palio.providers.sketch.art import art
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.grouping import free_standing
from palio.providers.sketch.lexicon import lexicon
from palio.providers.sketch.reading import Reading


@dataclass(frozen=True, slots=True)
class Basin:
    """Open water from the far shore at `top` to the near one at `bottom`, both measured down from the canvas's top."""

    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def reaches(self, y: float) -> bool:
        return self.top <= y <= self.bottom


def basin(reading: Reading, frame: Frame) -> Basin | None:
    """The sea, the strip of it off a beach, or a lake: in front, or beyond the bank that something stands on."""
    rise = frame.height - frame.horizon
    if reading.place == "sea":
        return Basin(frame.horizon, frame.height)
    if not reading.has_water:
        return None
    if reading.place == "beach":
        return Basin(frame.horizon, frame.horizon + rise * 0.3)
    if not _needs_bank(reading):
        return Basin(frame.horizon + rise * 0.3, frame.height)
    if reading.place == "snow":
        return Basin(frame.horizon + rise * 0.06, frame.horizon + rise * 0.34)
    return Basin(frame.horizon + rise * 0.26, frame.horizon + rise * 0.5)


def _needs_bank(reading: Reading) -> bool:
    known = lexicon()
    wet = ("floats", "swims", "flies", "backdrops", "afloat")
    names = (reading.subjects[index].name for index in free_standing(reading.subjects))
    return any(art(name) and not any(known.has_habit(name, habit) for habit in wet) for name in names)
