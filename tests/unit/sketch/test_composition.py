"""Where things end up on the canvas."""

from __future__ import annotations

from random import Random

import pytest

from palio.providers.sketch.basin import Basin, basin
from palio.providers.sketch.composition import Placed, compose
from palio.providers.sketch.frame import frame
from palio.providers.sketch.grouping import Sprite
from palio.providers.sketch.reading import read


def composed(prompt: str, width: int = 1024, height: int = 1024) -> list[Placed]:
    reading = read(prompt)
    return compose(reading, frame(width, height, reading.place), Random(5))


def sprites(prompt: str) -> list[Sprite]:
    return [sprite for placed in composed(prompt) for sprite in placed.sprites]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_as_many_are_drawn_as_the_prompt_counts(count: int) -> None:
    assert len(sprites(f"{count} penguins")) == count


def test_a_hat_sits_on_its_wearer() -> None:
    wearer, hat = sprites("a cat wearing a top hat")

    assert hat.name == "top hat"
    assert wearer.y - wearer.height - hat.height < hat.y < wearer.y - 0.7 * wearer.height
    assert abs(hat.x - wearer.x) < wearer.width / 2


def test_what_stands_on_a_bridge_is_above_it_and_painted_over_it() -> None:
    bridge, tram = sprites("a tram crossing a stone bridge")

    assert (bridge.name, tram.name) == ("bridge", "tram car")
    assert tram.y < bridge.y


def test_what_is_in_a_cup_is_painted_before_the_cup() -> None:
    fox, cup, doze = sorted(
        sprites("a fox asleep in a teacup"), key=lambda sprite: ["fox asleep", "teacup", "ZZZ"].index(sprite.name)
    )
    order = [sprite.name for sprite in sprites("a fox asleep in a teacup")]

    assert order.index("fox asleep") < order.index("teacup")
    assert fox.y - fox.height < cup.y - cup.height
    assert doze.height < fox.height


def test_companions_go_where_their_neighbour_goes() -> None:
    placed = composed("sushi and ramen on a table")

    assert len(placed) == 1
    assert {sprite.name for sprite in placed[0].sprites} == {"sushi", "steaming bowl", "table"}


def test_boats_float_and_birds_fly_and_castles_stand() -> None:
    resting = {placed.sprites[0].name: placed.rests_on for placed in composed("a sailboat, a dove and a castle at sea")}

    assert resting == {"sailboat": "water", "dove": "air", "castle": "ground"}


def water(prompt: str) -> Basin | None:
    reading = read(prompt)
    return basin(reading, frame(1024, 1024, reading.place))


AFLOAT = (
    "a lighthouse on a rocky coast at dusk, a sailing boat and two seagulls",
    "an otter reading a map in a canoe at sunset, mountains behind",
    "a whale on the beach at sunset",
    "a ship at the harbor at night",
    "a canoe with a bear in the mountains",
    "ducks swimming in a pond in the forest",
    "a gondola in the city at night",
    "a cat on a raft in a meadow",
    "a sailing boat in front of a castle in the mountains",
    "three penguins on an iceberg",
)


@pytest.mark.parametrize("prompt", AFLOAT)
def test_watercraft_and_swimmers_lie_on_open_water(prompt: str) -> None:
    open_water = water(prompt)
    afloat = [placed for placed in composed(prompt) if placed.rests_on == "water"]

    assert open_water is not None
    assert afloat
    for placed in afloat:
        # What is under the water is not painted.
        foot = max(sprite.y for sprite in placed.sprites)
        assert open_water.reaches(foot)
        assert foot == pytest.approx(placed.waterline, abs=30)


def test_a_lake_leaves_the_bank_to_what_stands_on_it() -> None:
    open_water = water("a bear and a canoe in the mountains")
    bear, canoe = sorted(composed("a bear and a canoe in the mountains"), key=lambda placed: placed.rests_on)

    assert open_water is not None
    assert (bear.rests_on, canoe.rests_on) == ("ground", "water")
    assert open_water.bottom < bear.y


def test_a_castle_by_a_lake_stands_on_the_far_bank() -> None:
    open_water = water("a castle by a mountain lake")
    (castle,) = composed("a castle by a mountain lake")

    assert open_water is not None
    assert castle.y < open_water.top


def test_a_boat_off_a_beach_is_smaller_than_what_stands_on_the_beach_and_beside_it() -> None:
    placed = {p.sprites[0].name: p for p in composed("a lighthouse on a rocky coast and a sailing boat")}
    lighthouse, boat = placed["lighthouse"], placed["sailboat"]

    assert boat.y < lighthouse.y
    assert boat.sprites[0].height < lighthouse.sprites[0].height
    assert abs(boat.x - lighthouse.x) > (boat.width + lighthouse.sprites[0].width) / 2


@pytest.mark.parametrize("prompt", ["a duck in a meadow", "a bear in the mountains", "a toy boat on a table"])
def test_no_lake_where_nothing_needs_one(prompt: str) -> None:
    assert water(prompt) is None


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("prompt", ["a lighthouse on a coast and two seagulls", "a lighthouse and an eagle"])
def test_what_flies_keeps_clear_of_what_stands(prompt: str, seed: int) -> None:
    reading = read(prompt)
    placed = compose(reading, frame(1024, 1024, reading.place), Random(seed))
    (lighthouse,) = (sprite for p in placed if p.rests_on == "ground" for sprite in p.sprites)
    birds = [sprite for p in placed if p.rests_on == "air" for sprite in p.sprites]

    assert birds
    for bird in birds:
        aside = abs(bird.x - lighthouse.x) >= (bird.width + lighthouse.width) / 2 - 1
        assert aside or bird.y <= lighthouse.y - lighthouse.height + 1


@pytest.mark.parametrize("size", [(1024, 1024), (4096, 512), (512, 2048)])
@pytest.mark.parametrize(
    "prompt",
    [
        "a castle",
        "twelve ducks on a pond",
        "hot air balloons",
        "a giant dragon on a tiny house",
        "a canoe in the city",
        "a castle, three doves and two ships by the beach",
    ],
)
def test_subjects_stay_on_the_canvas(prompt: str, size: tuple[int, int]) -> None:
    canvas = frame(*size, read(prompt).place)

    for placed in composed(prompt, *size):
        for sprite in placed.sprites:
            assert -0.05 * canvas.width <= sprite.x - sprite.width / 2
            assert sprite.x + sprite.width / 2 <= 1.05 * canvas.width
            assert -0.06 * canvas.height <= sprite.y - sprite.height
            assert sprite.y <= canvas.height
