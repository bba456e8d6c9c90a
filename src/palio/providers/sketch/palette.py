"""The colours of a scene: a light, a place and a season, loaded from `palette.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from random import Random
from typing import Final

from palio.providers.sketch.colour import Stops, joined, lit, luminance, mix
from palio.providers.sketch.reading import Reading

_OPEN_LAND: Final = frozenset({"meadow", "forest", "field", "mountain", "village", "city"})


@dataclass(frozen=True, slots=True)
class Palette:
    """`ambient` tints the scenery and, more gently, `subject_light` the subjects; the ground runs from `far` to
    `near`, and `foliage` from dark to light."""

    sky: Stops
    haze: str
    ambient: str
    subject_light: str
    ink: str
    glow: str
    far: str
    mid: str
    near: str
    detail: str
    foliage: tuple[str, str, str]
    is_dark: bool
    is_neon: bool
    is_ink: bool = False

    def seen(self, colour: str, distance: float = 0.0) -> str:
        """A daylight colour as it looks in this light, `distance` (0 to 1) away."""
        shade = mix(lit(colour, self.ambient), self.haze, distance)
        return grey(shade) if self.is_ink else shade


def palette(reading: Reading, chance: Random) -> Palette:
    light, place = _tables().lights[reading.light], _tables().places[reading.place]
    sky = place.sky if place.sky and reading.light != "neon" else light.sky
    if reading.weather == "storm":
        sky = tuple(mix(colour, "#3c4458", 0.55) for colour in sky)
    season = reading.season or ("winter" if reading.weather == "snow" else "summer")
    ground = place.ground
    if season == "winter" and reading.place in _OPEN_LAND:
        ground = tuple(
            mix(colour, "#f1f7fb", share) for colour, share in zip(ground, (0.6, 0.75, 0.9, 0.5), strict=True)
        )
    elif season == "autumn" and reading.place in _OPEN_LAND - {"city", "village"}:
        ground = tuple(mix(colour, "#d49a4a", 0.42) for colour in ground)
    wobble = joined(*(128 + chance.uniform(-90, 90) for _ in range(3)))
    far, mid, near, detail = (lit(mix(colour, wobble, 0.05), light.ambient) for colour in ground)
    colours = Palette(
        sky=[(index / (len(sky) - 1), mix(colour, wobble, 0.04)) for index, colour in enumerate(sky)],
        haze=light.haze if not place.sky else place.sky[-2],
        ambient=light.ambient,
        subject_light=mix(light.ambient, "#ffffff", 0.5),
        ink=light.ink,
        glow=light.glow,
        far=mix(far, light.haze, 0.42),
        mid=mix(mid, light.haze, 0.14),
        near=near,
        detail=detail,
        foliage=_foliage(season, light.ambient),
        is_dark=luminance(sky[0]) < 0.2,
        is_neon=reading.light == "neon",
    )
    return _monochrome(colours) if reading.medium == "ink" else colours


def watered(reading: Reading, colours: Palette) -> Palette:
    """The same light on the water of the reading's place: `far`, `near` and `detail`, the glints, are water's."""
    if reading.place == "sea":
        return colours
    places = _tables().places
    far, near, glint = map(colours.seen, places[reading.place].water or places["sea"].water)
    return replace(colours, far=mix(far, colours.haze, 0.3), near=near, detail=glint)


@dataclass(frozen=True, slots=True)
class _Light:
    sky: tuple[str, ...]
    haze: str
    ambient: str
    ink: str
    glow: str


@dataclass(frozen=True, slots=True)
class _Place:
    ground: tuple[str, ...]
    sky: tuple[str, ...]
    water: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Tables:
    lights: Mapping[str, _Light]
    places: Mapping[str, _Place]
    foliage: Mapping[str, tuple[str, ...]]


@cache
def _tables() -> _Tables:
    data = tomllib.loads(files(__package__).joinpath("palette.toml").read_text("utf-8"))
    return _Tables(
        lights={
            name: _Light(tuple(light["sky"]), light["haze"], light["ambient"], light["ink"], light["glow"])
            for name, light in data["lights"].items()
        },
        places={
            name: _Place(tuple(place["ground"]), tuple(place.get("sky", ())), tuple(place.get("water", ())))
            for name, place in data["places"].items()
        },
        foliage={season: tuple(colours) for season, colours in data["foliage"].items()},
    )


def _foliage(season: str, ambient: str) -> tuple[str, str, str]:
    dark, middle, bright = (lit(colour, ambient) for colour in _tables().foliage[season])
    return dark, middle, bright


def grey(colour: str) -> str:
    """The colour as black-and-white ink on warm paper."""
    value = 255 * luminance(colour)
    return joined(value, value * 0.985, value * 0.95)


def _monochrome(colours: Palette) -> Palette:
    dark, middle, bright = (grey(colour) for colour in colours.foliage)
    return replace(
        colours,
        sky=[(position, grey(colour)) for position, colour in colours.sky],
        haze=grey(colours.haze),
        glow=grey(colours.glow),
        far=grey(colours.far),
        mid=grey(colours.mid),
        near=grey(colours.near),
        detail=grey(colours.detail),
        foliage=(dark, middle, bright),
        is_ink=True,
    )


def pick(chance: Random, colours: Sequence[str]) -> str:
    return colours[chance.randrange(len(colours))]
