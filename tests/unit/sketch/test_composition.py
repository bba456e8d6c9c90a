"""Where things end up on the canvas."""

from __future__ import annotations

from random import Random

import pytest

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


@pytest.mark.parametrize("size", [(1024, 1024), (4096, 512), (512, 2048)])
@pytest.mark.parametrize(
    "prompt", ["a castle", "twelve ducks on a pond", "hot air balloons", "a giant dragon on a tiny house"]
)
def test_subjects_stay_on_the_canvas(prompt: str, size: tuple[int, int]) -> None:
    canvas = frame(*size, read(prompt).place)

    for placed in composed(prompt, *size):
        for sprite in placed.sprites:
            assert -0.05 * canvas.width <= sprite.x - sprite.width / 2
            assert sprite.x + sprite.width / 2 <= 1.05 * canvas.width
            assert -0.06 * canvas.height <= sprite.y - sprite.height
            assert sprite.y <= canvas.height
