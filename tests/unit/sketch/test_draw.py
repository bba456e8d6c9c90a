"""The picture itself: exact, repeatable, safe."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageChops, ImageStat

from palio.providers.sketch import LICENCE_NOTICE, Sketch, draw
from palio.providers.sketch.illustration import scene

PROMPTS = (
    "a cat wearing a top hat under a full moon",
    "three penguins on an iceberg",
    "a bowl of lemons painted in thick oil",
    "a neon city street in the rain",
    "hot air balloons over a desert at sunrise",
    "a felt fox asleep in a teacup",
    "a watercolor sailboat on a stormy sea",
    "an astronaut riding a horse in space",
    "a village in winter, pencil",
    "aurora over mountains",
    "fish and an octopus underwater",
    "a robot in a spring forest, windy",
    "twelve ducks in a rice field",
    "a dog on the beach",
    "kites above the clouds",
    "a bear in a canoe in the forest, a castle behind",
    "a penguin and a ship in the arctic",
    'a ship off a beach with the words "BON VOYAGE"',
)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image.convert("RGB")


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - our own document


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference of two pictures in levels of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


def encoded(colour: tuple[int, int, int], size: tuple[int, int] = (320, 200), kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(64, 64), (513, 777), (4096, 512), (64, 1024), (1000, 333)])
def test_the_picture_has_exactly_the_asked_size(size: tuple[int, int]) -> None:
    png = draw(Sketch("a lighthouse at dusk", width=size[0], height=size[1]))

    assert png.startswith(b"\x89PNG")
    assert opened(png).size == size


@pytest.mark.parametrize("size", [(63, 64), (64, 4097)])
def test_a_size_outside_the_limits_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="64 to 4096 pixels"):
        Sketch("a cat", width=size[0], height=size[1])


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_kind_of_scene_is_drawn_as_well_formed_svg(prompt: str) -> None:
    assert parsed(scene(Sketch(prompt))).tag.endswith("svg")
    colours = opened(draw(Sketch(prompt, width=96, height=96))).getcolors(96 * 96)

    assert colours is not None
    assert len(colours) > 100


def test_equal_sketches_give_equal_bytes() -> None:
    sketch = Sketch("a fox in the forest", seed=11, width=128, height=128)

    assert draw(sketch) == draw(replace(sketch))


def test_the_seed_changes_the_picture() -> None:
    sketch = Sketch("a fox in the forest", width=128, height=128)
    pictures = {draw(replace(sketch, seed=seed)) for seed in range(6)}

    assert len(pictures) == 6


def test_the_negative_prompt_changes_the_picture() -> None:
    with_hat = scene(Sketch("a cat wearing a top hat"))
    without = scene(Sketch("a cat wearing a top hat", negative_prompt="hat"))

    assert with_hat != without


def test_threads_agree() -> None:
    sketches = [Sketch(prompt, width=96, height=96, seed=3) for prompt in PROMPTS[:6]] * 3
    alone = [draw(sketch) for sketch in sketches[:6]] * 3

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(draw, sketches))

    assert together == alone


@pytest.mark.parametrize(
    "prompt",
    [
        '</svg><script>alert("x")</script>',
        "&amp; &#0; &lt;g&gt; <![CDATA[ ]]>",
        "\x00\x01\x1b[31m\ud800",
        "lorem ipsum " * 900,
        "قطة على القمر",
        "月の上の猫",
        '" onload="x',
        "",
        "👩‍🚀🏽🐈‍⬛🏳️‍🌈",
        "{}%s\\n$(x)",
    ],
)
def test_no_prompt_breaks_the_picture(prompt: str) -> None:
    sketch = Sketch(prompt, negative_prompt=prompt[::-1], width=128, height=96)

    root = parsed(scene(sketch))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}

    assert tags <= {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
    assert opened(draw(sketch)).size == (128, 96)


def test_at_strength_zero_the_source_is_kept() -> None:
    source = encoded((200, 40, 90))

    picture = opened(draw(Sketch("a cat", sources=(source,), strength=0.0, width=200, height=300)))

    assert picture.size == (200, 300)
    assert difference(picture, Image.new("RGB", picture.size, (200, 40, 90))) < 2


def test_at_strength_one_the_source_is_ignored() -> None:
    sketch = Sketch("a cat", width=128, height=128)

    assert draw(replace(sketch, sources=(encoded((200, 40, 90)),), strength=1.0)) == draw(sketch)


def test_strength_moves_the_picture_from_the_source_to_the_scene() -> None:
    source = encoded((200, 40, 90))
    plain = opened(draw(Sketch("a cat", width=128, height=128)))

    distances = [
        difference(opened(draw(Sketch("a cat", sources=(source,), strength=s, width=128, height=128))), plain)
        for s in (0.0, 0.3, 0.6, 1.0)
    ]

    assert distances == sorted(distances, reverse=True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_several_sources_of_any_kind_are_taken_in(kind: str, strength: float) -> None:
    sources = tuple(encoded(colour, kind=kind) for colour in ((200, 40, 90), (20, 140, 90), (20, 40, 190)))

    picture = opened(draw(Sketch("a castle", sources=sources, strength=strength, width=256, height=192)))

    assert picture.size == (256, 192)


def test_the_licence_notice_names_the_artwork_and_its_licence() -> None:
    for part in ("OpenMoji", "CC BY-SA 4.0", "https://openmoji.org"):
        assert part in LICENCE_NOTICE
    assert "\n" not in LICENCE_NOTICE
