"""What the embedded illustrator is asked to draw, and its front door."""

from __future__ import annotations

from dataclasses import dataclass

LICENCE_NOTICE = (
    "Contains artwork by OpenMoji (https://openmoji.org), the open-source emoji and icon project, "
    "used and adapted under CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)."
)

SMALLEST_SIDE = 64
LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class Sketch:
    """One picture to draw.

    `width` and `height` are pixels, each from 64 to 4096. `sources` are encoded images (PNG, JPEG or WebP) that the
    caller has already checked; `strength` runs from 0 (keep the source picture) to 1 (ignore it).
    """

    prompt: str
    negative_prompt: str = ""
    width: int = 1024
    height: int = 1024
    seed: int = 0
    sources: tuple[bytes, ...] = ()
    strength: float = 0.7

    def __post_init__(self) -> None:
        for side in (self.width, self.height):
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise ValueError(
                    f"A sketch is {SMALLEST_SIDE} to {LARGEST_SIDE} pixels a side, not {self.width} x {self.height}."
                )
        if not 0.0 <= self.strength <= 1.0:
            raise ValueError(f"A sketch's strength is from 0 to 1, not {self.strength}.")


def draw(sketch: Sketch) -> bytes:
    """Draw the sketch and return a PNG of exactly `width` x `height` pixels.

    Pure, CPU-bound and thread-safe: equal sketches give equal bytes. The first call loads the word list and the art
    index; nothing is loaded by importing this package.
    """
    from palio.providers.sketch.illustration import illustrate

    return illustrate(sketch)
