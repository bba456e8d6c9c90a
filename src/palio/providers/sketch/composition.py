"""Where each cluster goes on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from palio.providers.sketch.frame import Frame
from palio.providers.sketch.grouping import Cluster, Sprite, clusters
from palio.providers.sketch.lexicon import lexicon
from palio.providers.sketch.reading import Reading

_ORDINARY: Final = 0.46
"""How much of the short side an ordinary lone subject measures."""


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
    resting = [(cluster, _rest(cluster, reading, len(made))) for cluster in made]
    aloft = [cluster for cluster, rest in resting if rest == "air"]
    grounded = [(cluster, rest) for cluster, rest in resting if rest != "air"]
    is_backdrop = [lexicon().has_habit(cluster.name, "backdrops") for cluster, _ in grounded]
    split = any(is_backdrop) and not all(is_backdrop)
    rear = [pair for pair, behind in zip(grounded, is_backdrop, strict=True) if behind and split]
    front = [pair for pair, behind in zip(grounded, is_backdrop, strict=True) if not (behind and split)]
    placed = _row(rear, frame, chance, depth=0.42, share=0.62)
    placed += _sky(aloft, frame, chance, alone=not grounded)
    placed += _row(front, frame, chance, depth=1.0, share=0.58 if not split else 0.4)
    return placed


def _rest(cluster: Cluster, reading: Reading, total: int) -> str:
    known = lexicon()
    if reading.place == "underwater" and known.has_habit(cluster.name, "swims"):
        return "air"
    if reading.place in {"sea", "snow"} and known.has_habit(cluster.name, "floats"):
        return "water"
    if reading.place == "sea" and known.has_habit(cluster.name, "swims"):
        return "water"
    if known.has_habit(cluster.name, "flies") and reading.place != "room":
        return "air"
    return "ground"


def _row(row: Sequence[tuple[Cluster, str]], frame: Frame, chance: Random, depth: float, share: float) -> list[Placed]:
    """Clusters side by side on the ground; `depth` is 0 at the horizon and 1 at the feet, `share` the part of the
    height they may fill."""
    if not row:
        return []
    gap = 0.12
    total = sum(cluster.width for cluster, _ in row) + gap * (len(row) - 1)
    tallest = max(cluster.height for cluster, _ in row)
    foot = frame.horizon + (frame.stand - frame.horizon) * depth
    scale = min(
        frame.short * _ORDINARY * (1.25 if len(row) == 1 else 1.0),
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
        placed.append(Placed(set_down.sprites, rest, centre, y, cluster.width * scale, y - draft))
        x += (cluster.width + gap) * scale
    if depth < 1.0:
        placed = [replace(p, sprites=tuple(replace(sprite, distance=0.12) for sprite in p.sprites)) for p in placed]
    return sorted(placed, key=lambda p: p.y)


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


def _floor_height(cluster: Cluster) -> float:
    """The height of the sprite the cluster is named after."""
    return max((sprite.height for sprite in cluster.sprites if sprite.name == cluster.name), default=cluster.height)


def _is_flock(cluster: Cluster) -> bool:
    return len(cluster.sprites) > 1 and len({sprite.name for sprite in cluster.sprites}) == 1
