"""Where each cluster goes on the canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from palio.providers.sketch.basin import Basin, basin
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.grouping import Cluster, Sprite, clusters
from palio.providers.sketch.lexicon import lexicon
from palio.providers.sketch.reading import Reading

_ORDINARY: Final = 0.46
"""How much of the short side an ordinary lone subject measures."""


_MOST_APART: Final = 12
"""How many flying things are kept clear of the rest one by one."""

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """A cluster on the canvas, in painting order, and what it rests on: ground, water or air."""

    sprites: tuple[Sprite, ...]
    rests_on: str
    x: float
    y: float
    width: float
    waterline: float


def compose(reading: Reading, frame: Frame, chance: Random) -> list[Placed]:
    """Place every cluster of the reading, far ones first."""
    made = clusters(reading.subjects, chance)
    resting = [(cluster, _rest(cluster, reading)) for cluster in made]
    open_water = basin(reading, frame)
    offing = open_water if open_water and not open_water.reaches(frame.stand) else None
    far_bank = open_water is not None and offing is None and reading.place != "sea"
    aloft = [cluster for cluster, rest in resting if rest == "air"]
    offshore = [pair for pair in resting if offing and pair[1] == "water"]
    grounded = [pair for pair in resting if pair[1] != "air" and pair not in offshore]
    is_backdrop = [
        lexicon().has_habit(cluster.name, "backdrops") and (rest == "ground" or reading.place == "sea")
        for cluster, rest in grounded
    ]
    split = any(is_backdrop) and (far_bank or not all(is_backdrop))
    rear = [pair for pair, behind in zip(grounded, is_backdrop, strict=True) if behind and split]
    front = [pair for pair, behind in zip(grounded, is_backdrop, strict=True) if not (behind and split)]
    placed = _row(rear, frame, open_water, chance, depth=0.42, share=0.62)
    flying = _sky(aloft, frame, chance, alone=not grounded and not offshore)
    share, size = (0.4 if split else 0.58), (0.75 if offshore else 1.0)
    standing = _row(front, frame, open_water, chance, 1.0, share, size)
    if offing and offshore:
        standing = _aside(standing, frame)
        placed += _offing(offshore, offing, placed + standing, frame, chance)
        placed.sort(key=lambda p: p.y)
    return placed + _apart(flying, placed + standing, frame) + standing


def _rest(cluster: Cluster, reading: Reading) -> str:
    known = lexicon()
    swims = known.has_habit(cluster.name, "swims")
    if reading.place == "underwater" and swims:
        return "air"
    buoyant = known.has_habit(cluster.name, "floats") or known.has_habit(cluster.name, "afloat")
    if reading.has_water and (buoyant or (swims and reading.place != "beach")):
        return "water"
    if known.has_habit(cluster.name, "flies") and reading.place != "room":
        return "air"
    return "ground"


def _offing(
    row: Sequence[tuple[Cluster, str]], water: Basin, ashore: Sequence[Placed], frame: Frame, chance: Random
) -> list[Placed]:
    """Clusters on a strip of water beyond the shore: small, and beside what stands nearer."""
    depth = (water.middle - frame.horizon) / (frame.stand - frame.horizon)
    share, size = (0.3, 0.56) if ashore else (0.4, 0.8)
    placed = _row(row, frame, water, chance, depth, share, size)
    if not placed or not ashore:
        return placed
    left, _, right, _ = _bounds(placed)
    steps = [frame.width * (0.12 + 0.02 * step) - left for step in range(40)]
    shifts = [0.0, *(shift for shift in steps if right + shift < frame.width * 0.88)]
    taken = [_bounds([p]) for p in ashore]
    shift = min(shifts, key=lambda shift: (sum(_covered(p, taken, shift) for p in placed), abs(shift)))
    return [_shifted(p, shift, 0.0) for p in placed]


def _aside(row: Sequence[Placed], frame: Frame) -> list[Placed]:
    """A narrow row moved to the side it leans to, so that the water beyond it is seen."""
    if not row:
        return []
    left, _, right, _ = _bounds(row)
    if right - left > frame.width * 0.6:
        return list(row)
    margin = frame.width * 0.08
    shift = margin - left if left + right < frame.width else frame.width - margin - right
    return [_shifted(p, shift, 0.0) for p in row]


def _apart(flying: Sequence[Placed], standing: Sequence[Placed], frame: Frame) -> list[Placed]:
    """What flies, out of the way of what stands, where there is sky enough; a crowd stays as it is."""
    if len(flying) > _MOST_APART:
        return list(flying)
    taken = [_bounds([placed]) for placed in standing]
    settled: list[Placed] = []
    for placed in flying:
        others = taken + [_bounds([other]) for other in settled]
        clear = placed
        for share in (1.0, 0.82, 0.68) if _covered(placed, taken) else ():
            tried = _cleared(_shrunk(placed, share), others, frame)
            clear = min(clear, tried, key=lambda each: _covered(each, others))
            if not _covered(clear, others):
                break
        settled.append(clear)
    return settled


def _cleared(placed: Placed, others: Sequence[_Box], frame: Frame) -> Placed:
    """What flies, moved as little as lets it cover least of the others."""
    margin = frame.short * 0.03
    left, top, right, bottom = _bounds([placed])
    reach = frame.width - (right - left) - 2 * margin
    drops = [0.0, *(margin + 0.06 * step * frame.height - top for step in range(8))]
    places = [
        (margin + reach * step / 20 - left, drop)
        for step in range(21)
        for drop in drops
        if drop == 0.0 or bottom + drop < frame.horizon
    ]
    moved = min(places, key=lambda place: (_covered(placed, others, *place), math.hypot(*place)))
    return _shifted(placed, *moved)


def _row(
    row: Sequence[tuple[Cluster, str]],
    frame: Frame,
    open_water: Basin | None,
    chance: Random,
    depth: float,
    share: float,
    size: float = 1.0,
) -> list[Placed]:
    """Clusters side by side on the ground or the water; `depth` is 0 at the horizon and 1 at the feet, `share` the part
    of the height they may fill and `size` their measure among others."""
    if not row:
        return []
    gap = 0.12
    total = sum(cluster.width for cluster, _ in row) + gap * (len(row) - 1)
    tallest = max(cluster.height for cluster, _ in row)
    foot = frame.horizon + (frame.stand - frame.horizon) * depth
    scale = min(
        frame.short * _ORDINARY * size * (1.25 if len(row) == 1 else 1.0),
        frame.width * 0.86 / total,
        min(frame.height * share, foot * 0.86) / tallest,
    )
    slack = frame.width - total * scale
    x = slack * chance.uniform(0.42, 0.58) if len(row) > 1 else slack * chance.choice((0.36, 0.5, 0.64))
    placed = []
    for index, (cluster, rest) in enumerate(row):
        step = (index % 2) * 0.035 * frame.short * (len(row) > 1)
        y = foot + (chance.uniform(-0.012, 0.012) * frame.short + step) * (1 if depth == 1.0 else 0)
        middle = x - cluster.left * scale
        set_down = cluster.moved(middle, y, scale)
        draft = lexicon().drafts.get(cluster.name, 0.1) * _floor_height(cluster) * scale
        centre = middle + (cluster.left + cluster.right) / 2 * scale
        resting = Placed(set_down.sprites, rest, centre, y, cluster.width * scale, y - draft)
        placed.append(_launched(resting, open_water) if rest == "water" and open_water else resting)
        x += (cluster.width + gap) * scale
    if depth < 1.0:
        placed = [replace(p, sprites=tuple(replace(sprite, distance=0.12) for sprite in p.sprites)) for p in placed]
    return sorted(placed, key=lambda p: p.y)


def _launched(placed: Placed, water: Basin) -> Placed:
    """What floats, pushed off the far shore and without what is under water."""
    nearest = water.top + 0.35 * (water.bottom - water.top)
    afloat = _shifted(placed, 0.0, max(0.0, nearest - placed.waterline))
    flock = len({sprite.name for sprite in afloat.sprites}) == 1
    dry = []
    for sprite in afloat.sprites:
        waterline = sprite.y - lexicon().drafts.get(sprite.name, 0.1) * sprite.height if flock else afloat.waterline
        kept = min(1.0, (waterline - sprite.y + sprite.height) / sprite.height)
        if kept > 0:
            wet = replace(sprite, y=waterline, height=sprite.height * kept, crop=sprite.crop * kept)
            dry.append(wet if kept < 1 else sprite)
    return replace(afloat, sprites=tuple(dry))


def _sky(aloft: Sequence[Cluster], frame: Frame, chance: Random, alone: bool) -> list[Placed]:
    """Clusters hung in the air or the water, each in its own part of the width."""
    placed = []
    flock = [
        Cluster(cluster.name, (replace(sprite, x=0.0, y=0.0),))
        for cluster in aloft
        for sprite in cluster.sprites
        if _is_flock(cluster)
    ]
    hung = [cluster for cluster in aloft if not _is_flock(cluster)] + flock
    count = len(hung)
    room = frame.height * (0.5 if alone else 0.3)
    order = list(range(count))
    chance.shuffle(order)
    for slot, index in enumerate(order):
        cluster = hung[index]
        scale = min(
            frame.short * _ORDINARY * (0.82 if alone else 0.6) * (1 if count < 3 else 0.8 if count < 6 else 0.5),
            frame.width * 0.92 / count / cluster.width * 1.15,
            room / cluster.height,
        )
        if count > 2:
            scale *= chance.uniform(0.6, 1.1)
        height, width = cluster.height * scale, cluster.width * scale
        middle = (slot + 0.5 + chance.uniform(-0.12, 0.12)) / count * frame.width
        if count == 1:
            middle = frame.width * (chance.choice((0.4, 0.5, 0.6)) if alone else chance.choice((0.24, 0.76)))
        if not alone and abs(middle / frame.width - 0.5) < 0.14:
            middle += frame.width * (0.2 if middle > frame.width / 2 else -0.2)
        middle = min(max(middle, width * 0.55), frame.width - width * 0.55)
        centre = frame.height * (chance.uniform(0.24, 0.58) if alone else chance.uniform(0.14, 0.32))
        y = min(centre + height / 2, frame.height * 0.9)
        y = max(y, height + frame.height * 0.03)
        moved = cluster.moved(middle, y, scale, flip=chance.random() < 0.35)
        placed.append(Placed(moved.sprites, "air", middle, y, width, y))
    return sorted(placed, key=lambda p: p.width)


def _bounds(row: Sequence[Placed]) -> _Box:
    sprites = [sprite for placed in row for sprite in placed.sprites]
    return (
        min(sprite.x - sprite.width / 2 for sprite in sprites),
        min(sprite.y - sprite.height for sprite in sprites),
        max(sprite.x + sprite.width / 2 for sprite in sprites),
        max(sprite.y for sprite in sprites),
    )


def _covered(placed: Placed, others: Sequence[_Box], dx: float = 0.0, dy: float = 0.0) -> float:
    """The area it shares with others once it is moved by (dx, dy)."""
    left, top, right, bottom = _bounds([placed])
    moved = (left + dx, top + dy, right + dx, bottom + dy)
    return sum(_shared(moved, other) for other in others)


def _shared(one: _Box, other: _Box) -> float:
    """The area that two boxes have in common."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0.0


def _shrunk(placed: Placed, share: float) -> Placed:
    sprites = tuple(
        replace(
            sprite,
            x=placed.x + (sprite.x - placed.x) * share,
            y=placed.y + (sprite.y - placed.y) * share,
            height=sprite.height * share,
        )
        for sprite in placed.sprites
    )
    return replace(placed, sprites=sprites, width=placed.width * share)


def _shifted(placed: Placed, dx: float, dy: float) -> Placed:
    sprites = tuple(replace(sprite, x=sprite.x + dx, y=sprite.y + dy) for sprite in placed.sprites)
    return replace(placed, sprites=sprites, x=placed.x + dx, y=placed.y + dy, waterline=placed.waterline + dy)


def _floor_height(cluster: Cluster) -> float:
    """The height of the sprite the cluster is named after."""
    return max((sprite.height for sprite in cluster.sprites if sprite.name == cluster.name), default=cluster.height)


def _is_flock(cluster: Cluster) -> bool:
    return len(cluster.sprites) > 1 and len({sprite.name for sprite in cluster.sprites}) == 1
