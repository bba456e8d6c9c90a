"""Subjects that belong together, gathered into clusters: a cat with its hat on, lemons in their bowl."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from palio.providers.sketch.art import art
from palio.providers.sketch.lexicon import Lexicon, lexicon
from palio.providers.sketch.reading import Relation, Subject

_ATTACHED: Final = frozenset(Relation) - {Relation.BESIDE, Relation.ABOVE}


@dataclass(frozen=True, slots=True)
class Sprite:
    """One picture in place: `x` is the middle and `y` the bottom of its paint, `height` its painted height. `crop`
    keeps only that share of it, from the top."""

    name: str
    x: float
    y: float
    height: float
    flip: bool = False
    tint: str | None = None
    material: str | None = None
    crop: float = 1.0
    distance: float = 0.0

    @property
    def width(self) -> float:
        picture = art(self.name)
        return self.height / self.crop * picture.bounds.width / picture.bounds.height if picture else 0.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Sprites in painting order around a foot at (0, 0); y grows downwards. An ordinary subject measures about 1."""

    name: str
    sprites: tuple[Sprite, ...]

    @property
    def left(self) -> float:
        return min(sprite.x - sprite.width / 2 for sprite in self.sprites)

    @property
    def right(self) -> float:
        return max(sprite.x + sprite.width / 2 for sprite in self.sprites)

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return -min(sprite.y - sprite.height for sprite in self.sprites)

    def moved(self, x: float, y: float, scale: float = 1.0, flip: bool = False) -> Cluster:
        """The cluster scaled about its foot and put down at (x, y)."""
        turn = -1 if flip else 1
        return Cluster(
            self.name,
            tuple(
                replace(
                    sprite,
                    x=x + sprite.x * scale * turn,
                    y=y + sprite.y * scale,
                    height=sprite.height * scale,
                    flip=sprite.flip != flip,
                )
                for sprite in self.sprites
            ),
        )


def clusters(subjects: Sequence[Subject], chance: Random) -> list[Cluster]:
    """The free-standing clusters of a reading, in the order they were named. Subjects without art are left out."""
    known = lexicon()
    built = (_cluster(index, subjects, chance, known, frozenset()) for index in free_standing(subjects))
    return [cluster for cluster in built if cluster]


def free_standing(subjects: Sequence[Subject]) -> list[int]:
    """Which subjects a cluster is built around: those that no other one bears."""
    known = lexicon()
    return [
        index
        for index, subject in enumerate(subjects)
        if not _is_attached(subject, subjects, known) and not _is_companion(subject, subjects, known)
    ]


def _is_attached(subject: Subject, subjects: Sequence[Subject], known: Lexicon) -> bool:
    if subject.relation not in _ATTACHED or subject.target is None:
        return False
    bearer = subjects[subject.target].name
    if art(bearer) is None:
        return False
    if subject.relation in {Relation.FRONT, Relation.BEHIND} and known.has_habit(subject.name, "afloat"):
        # A boat before a castle lies on the water, wherever the castle stands.
        return False
    return not (subject.relation is Relation.UNDER and known.has_habit(bearer, "flies"))


def _is_companion(subject: Subject, subjects: Sequence[Subject], known: Lexicon) -> bool:
    """Whether a subject stands beside one that is itself on, in or under something, and so goes there too."""
    if subject.relation is not Relation.BESIDE or subject.target is None:
        return False
    neighbour = subjects[subject.target]
    borne = {Relation.ON, Relation.IN, Relation.UNDER, Relation.FRONT, Relation.BEHIND}
    return neighbour.relation in borne and _is_attached(neighbour, subjects, known)


def _company(
    index: int, subjects: Sequence[Subject], chance: Random, known: Lexicon, above: frozenset[int]
) -> Cluster | None:
    """The subject's cluster with its companions' on either side."""
    cluster = _cluster(index, subjects, chance, known, above)
    for other, subject in enumerate(subjects):
        if cluster is None or subject.target != index or not _is_companion(subject, subjects, known):
            continue
        companion = None if other in above else _cluster(other, subjects, chance, known, above | {index})
        if companion:
            shift = (cluster.width + companion.width) / 2 * 0.5
            left = companion.moved(-shift - (companion.left + companion.right) / 2, 0)
            cluster = Cluster(cluster.name, (*left.sprites, *cluster.moved(shift, 0).sprites))
    return cluster


def _cluster(
    index: int, subjects: Sequence[Subject], chance: Random, known: Lexicon, above: frozenset[int]
) -> Cluster | None:
    subject = subjects[index]
    children = [
        (child, made)
        for other, child in enumerate(subjects)
        if child.target == index and other not in above and other != index and _is_attached(child, subjects, known)
        if (made := _company(other, subjects, chance, known, above | {index}))
    ]
    name = subject.name
    if any(child.relation in {Relation.WORN_BY, Relation.HELD_BY} for child, _ in children):
        name = known.faces.get(name, name)
    if subject.sleeping and f"{known.faces.get(name, name)} asleep" in known.figures:
        name = f"{known.faces.get(name, name)} asleep"
    body = _body(name, subject, known)
    if body is None:
        return None
    cluster = Cluster(subject.name, (body,))
    for child, made in sorted(children, key=lambda pair: _PAINT_ORDER.index(pair[0].relation)):
        attached = made if subject.count == 1 else Cluster(made.name, made.sprites[:1])
        cluster = _joined(cluster, body, child, attached, chance, known)
    if subject.sleeping and (zzz := _sized("ZZZ", 0.3 * body.height)):
        doze = replace(zzz, x=body.width * 0.42, y=cluster.sprites[0].y - cluster.height * 0.86)
        cluster = Cluster(cluster.name, (*cluster.sprites, doze))
    in_bowl = subject.relation is Relation.IN
    return _repeated(cluster, subject.count, chance, piled=in_bowl) if subject.count > 1 else cluster


_PAINT_ORDER: Final = (
    Relation.MATERIAL_OF,
    Relation.BEHIND,
    Relation.UNDER,
    Relation.IN,
    Relation.ON,
    Relation.WORN_BY,
    Relation.HELD_BY,
    Relation.FRONT,
    Relation.BESIDE,
    Relation.ABOVE,
    None,
)


def _body(name: str, subject: Subject, known: Lexicon) -> Sprite | None:
    sprite = _sized(name, known.height(subject.name) * subject.size)
    return replace(sprite, tint=subject.tint, material=subject.material) if sprite else None


def _sized(name: str, size: float) -> Sprite | None:
    """A sprite whose painted area is that of a square of the given size, so that no shape outweighs another."""
    picture = art(name)
    if picture is None:
        return None
    ratio = picture.bounds.height / max(1.0, picture.bounds.width)
    kept = lexicon().crops.get(name, 1.0)
    return Sprite(name, 0.0, 0.0, size * math.sqrt(max(0.3, min(2.4, ratio))) * kept, crop=kept)


def _joined(cluster: Cluster, body: Sprite, child: Subject, made: Cluster, chance: Random, known: Lexicon) -> Cluster:
    """The cluster with a child cluster put where their relation says."""
    match child.relation:
        case Relation.WORN_BY:
            sprites = (*cluster.sprites, *_worn(body, made, known).sprites)
        case Relation.HELD_BY if known.has_habit(cluster.name, "backdrops") or known.has_habit(cluster.name, "holds"):
            sprites = (*cluster.sprites, *made.moved(cluster.right + made.width * 0.4, 0.04).sprites)
        case Relation.HELD_BY:
            sprites = (*cluster.sprites, *_held(body, made, known).sprites)
        case Relation.IN if known.has_habit(cluster.name, "holds") or known.has_habit(cluster.name, "crafts"):
            return _inside(cluster, body, made, known)
        case Relation.ON:
            return _atop(cluster, body, made, known)
        case Relation.UNDER:
            return _sheltered(cluster, body, made)
        case Relation.BEHIND:
            rear = made.moved(chance.choice((-1, 1)) * body.width * 0.42, -body.height * 0.14)
            sprites = (*rear.sprites, *cluster.sprites)
        case Relation.MATERIAL_OF:
            sprites = _stacked(body, made, chance)
        case _:
            grown = cluster.moved(0, 0, max(1.0, 1.35 * made.height / body.height))
            front = made.moved(chance.choice((-0.24, 0.24)) * grown.width, body.height * 0.05)
            sprites = (*grown.sprites, *front.sprites)
    return Cluster(cluster.name, sprites)


def _worn(body: Sprite, made: Cluster, known: Lexicon) -> Cluster:
    picture = art(body.name)
    middle = 0.0
    if picture:
        offset = (picture.crown[0] - picture.bounds.left) / picture.bounds.width - 0.5
        middle = offset * body.width * (-1 if body.flip else 1)
    head = min(body.width * 0.86, body.height * 0.44)
    hangs_at = known.garments.get(made.name)
    if hangs_at is not None:
        if body.name in known.figures:
            middle = -0.05 * body.width if known.figures[body.name]["pose"] == "sitting" else 0.0
        fitted = made.moved(0, 0, head * 0.86 / made.width)
        return fitted.moved(middle, -body.height * hangs_at + fitted.height / 2)
    fitted = made.moved(0, 0, head / made.width)
    return fitted.moved(middle, -body.height * (0.9 if body.name in known.figures else 0.95))


def _held(body: Sprite, made: Cluster, known: Lexicon) -> Cluster:
    largest = min(1.0, 0.52 * max(body.height, body.width * 0.8) / max(made.height, made.width))
    fitted = made.moved(0, 0, largest)
    if known.has_habit(made.name, "flies") and made.name != "red paper lantern":
        return fitted.moved(body.width * 0.5 + fitted.width * 0.35, -body.height * 0.86)
    upright = body.height > body.width
    return fitted.moved(
        body.width * (0.34 if upright else -0.1) + (fitted.width * 0.12 if upright else 0),
        -body.height * (0.18 if upright else 0.3),
    )


def _inside(cluster: Cluster, body: Sprite, made: Cluster, known: Lexicon) -> Cluster:
    """What is in a vessel shows above its rim; the vessel is painted over the rest."""
    roomy = known.has_habit(cluster.name, "crafts")
    if cluster.name == "hot air balloon":
        fitted = made.moved(0, 0, body.width * 0.42 / made.width)
        return Cluster(cluster.name, (*fitted.moved(0, -body.height * 0.1).sprites, *cluster.sprites))
    upright = made.height > made.width * 1.15
    sunk = 0.46 if upright else 0.3
    grown = cluster.moved(0, 0, max(1.0, made.width / (body.width * 0.74), made.height * sunk / (body.height * 0.7)))
    rim = grown.height * (0.62 if roomy else 0.93)
    fitted = made.moved(0, 0, min(1.15, grown.width * 0.66 / made.width))
    return Cluster(cluster.name, (*fitted.moved(0, -rim + fitted.height * sunk).sprites, *grown.sprites))


def _atop(cluster: Cluster, body: Sprite, made: Cluster, known: Lexicon) -> Cluster:
    if known.has_habit(cluster.name, "astride"):
        rider = made.moved(0, 0, min(1.0, 0.95 * body.height / made.height, 0.9 * body.width / made.width))
        seated = rider.moved(-0.03 * body.width, -body.height * known.seats.get(cluster.name, 0.4))
        legless = (
            replace(sprite, y=sprite.y - sprite.height * 0.1, height=sprite.height * 0.72, crop=0.72)
            if sprite.name in known.figures
            else sprite
            for sprite in seated.sprites
        )
        return Cluster(cluster.name, (*legless, *cluster.sprites))
    grown = cluster.moved(0, 0, min(2.4, max(1.0, made.width * 1.12 / body.width)))
    seat = known.seats.get(cluster.name, 0.9)
    return Cluster(
        cluster.name,
        (*grown.sprites, *made.moved(0, -body.height * grown.height / cluster.height * seat).sprites),
    )


def _sheltered(cluster: Cluster, body: Sprite, made: Cluster) -> Cluster:
    if "umbrella" in cluster.name:
        grown = cluster.moved(0, 0, made.width * 1.15 / body.width)
        held = grown.moved(made.width * 0.06, -max(0.0, made.height * 1.28 - grown.height * 0.62))
        return Cluster(cluster.name, (*held.sprites, *made.sprites))
    grown = cluster.moved(0, 0, max(1.0, made.height * 1.7 / body.height, made.width * 1.1 / body.width))
    return Cluster(cluster.name, (*grown.sprites, *made.moved(grown.width * 0.08, 0.05).sprites))


def _stacked(body: Sprite, made: Cluster, chance: Random) -> tuple[Sprite, ...]:
    """A tower of the material with only the top of the subject left on it."""
    kept = 0.46
    piece = made.sprites[0]
    wide = body.width * 1.25
    sprites: list[Sprite] = []
    floor, layer = 0.0, 0
    while -floor < body.height * (1 - kept) and layer < 9:
        fitted = Cluster(made.name, (piece,)).moved(0, 0, wide * (1 - 0.05 * layer) / piece.width).sprites[0]
        sprites.append(replace(fitted, x=chance.uniform(-0.06, 0.06) * wide, y=floor, flip=bool(layer % 2)))
        floor -= fitted.height * 0.86
        layer += 1
    top = replace(body, y=floor + body.height * 0.02, height=body.height * kept, crop=kept)
    return (*sprites, top)


def _repeated(cluster: Cluster, count: int, chance: Random, piled: bool) -> Cluster:
    """Copies in rows: far rows first, smaller and staggered; or heaped, for what lies in a bowl."""
    if piled:
        return _heaped(cluster, count)
    rows = 1 if count <= 3 else 2 if count <= 8 else 3
    spacing = cluster.width * (0.98 if count <= 3 else 0.9)
    sprites: list[Sprite] = []
    placed = 0
    for row in range(rows):
        in_row = (count - placed) // (rows - row)
        scale = 1 - 0.16 * (rows - 1 - row)
        for column in range(in_row):
            x = (column - (in_row - 1) / 2 + (0.25 if (rows - row) % 2 == 0 else 0)) * spacing * scale
            y = -0.42 * (rows - 1 - row) * cluster.height + chance.uniform(-0.05, 0.05) * cluster.height
            size = scale * chance.uniform(0.88, 1.08)
            sprites.extend(cluster.moved(x, y, size, flip=chance.random() < 0.4).sprites)
        placed += in_row
    if rows == 1:
        sprites.sort(key=lambda sprite: sprite.y)
    return Cluster(cluster.name, tuple(sprites))


def _heaped(cluster: Cluster, count: int) -> Cluster:
    base = max(1, math.ceil((math.sqrt(8 * count + 1) - 1) / 2))
    sprites: list[Sprite] = []
    row = 0
    left = count
    while left > 0:
        in_row = min(left, max(1, base - row))
        for column in range(in_row):
            x = (column - (in_row - 1) / 2) * cluster.width * 0.86
            sprites[:0] = cluster.moved(x, -row * cluster.height * 0.6, 1.0, flip=column % 2 == 1).sprites
        left -= in_row
        row += 1
    return Cluster(cluster.name, tuple(sprites))
