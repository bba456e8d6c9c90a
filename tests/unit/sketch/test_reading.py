"""What the illustrator understands of a prompt."""

from __future__ import annotations

import pytest

from palio.providers.sketch.lexicon import lexicon, singulars
from palio.providers.sketch.reading import MOST_COPIES, MOST_SUBJECTS, Relation, read


def names(prompt: str, negative_prompt: str = "") -> list[str]:
    return [subject.name for subject in read(prompt, negative_prompt).subjects]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cat", ["cat"]),
        ("a kitten and a puppy", ["cat", "dog"]),
        ("an orange cat", ["cat"]),
        ("an orange on a table", ["tangerine", "table"]),
        ("a pink rose", ["rose"]),
        ("a bowl of lemons painted in thick oil", ["bowl", "lemon"]),
        ("paper lantern drifting over a rice field at dusk", ["red paper lantern"]),
        ("a brass telescope on a windowsill, rain outside", ["telescope"]),
        ("an otter reading a map in a canoe", ["otter", "world map", "canoe"]),
        ("a lighthouse made of books, soft morning fog", ["lighthouse", "books"]),
        ("a tram crossing a stone bridge in autumn", ["tram car", "bridge"]),
        ("a moss-covered robot watering tulips", ["robot", "tulip", "watering can"]),
        ("a chess set carved from river ice", ["chess set"]),
        ("a felt fox asleep in a teacup", ["fox", "teacup"]),
        ("a cat wearing a top hat under a full moon", ["cat", "top hat"]),
        ("three penguins on an iceberg", ["penguin", "iceberg"]),
        ("an astronaut riding a horse on the moon", ["astronaut", "horse"]),
        ("a knight, a dragon and a castle", ["knight", "dragon", "castle"]),
        ("misty mountains at dawn", []),
        ("in of on up at the end", []),
        ("🐙 and 🦀", ["octopus", "crab"]),
        ("two wolves and three mice", ["wolf", "mouse"]),
        ("hot-air balloons", ["hot air balloon"]),
        ("Two DOGS!", ["dog"]),
    ],
)
def test_finds_the_subjects_a_prompt_names(prompt: str, expected: list[str]) -> None:
    assert names(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("a cat", 1),
        ("one cat", 1),
        ("cats", 3),
        ("three cats", 3),
        ("2 cats", 2),
        ("a pair of cats", 2),
        ("a couple of cats", 2),
        ("a dozen cats", 12),
        ("a family of cats", 3),
        ("a flock of birds", 7),
        ("999 cats", MOST_COPIES),
        ("0 cats", 1),
    ],
)
def test_counts_what_it_is_told_to_count(prompt: str, count: int) -> None:
    assert read(prompt).subjects[0].count == count


@pytest.mark.parametrize(
    ("prompt", "place", "light", "weather", "season"),
    [
        ("a fox in the forest at night", "forest", "night", None, None),
        ("a camel in the desert at sunset", "desert", "dusk", None, None),
        ("a street in the rain, neon", "city", "neon", "rain", None),
        ("a shark underwater", "underwater", "day", None, None),
        ("misty mountains at dawn", "mountain", "dawn", "fog", None),
        ("snowy village at night", "village", "night", "snow", "winter"),
        ("a rocket", "space", "night", None, None),
        ("a bowl of lemons", "room", "day", None, None),
        ("a stormy sea", "sea", "grey", "storm", None),
        ("a beach in summer", "beach", "day", None, "summer"),
        ("a bridge in autumn", "sea", "day", None, "autumn"),
        ("cherry blossoms in a garden", "meadow", "day", None, "spring"),
        ("a paper lantern over a rice field at dusk", "field", "dusk", None, None),
        ("a telescope on a windowsill, rain outside", "room", "day", "rain", None),
        ("penguins", "snow", "day", None, None),
        ("quantum chromodynamics", "abstract", "day", None, None),
    ],
)
def test_reads_the_setting(prompt: str, place: str, light: str, weather: str | None, season: str | None) -> None:
    reading = read(prompt)

    assert (reading.place, reading.light, reading.weather, reading.season) == (place, light, weather, season)


@pytest.mark.parametrize(
    ("prompt", "relation", "target"),
    [
        ("a cat on a table", Relation.ON, "table"),
        ("a cat under an umbrella", Relation.UNDER, "umbrella"),
        ("a cat next to a dog", Relation.BESIDE, "dog"),
        ("a cat in front of a castle", Relation.FRONT, "castle"),
        ("a cat behind a tree", Relation.BEHIND, "deciduous tree"),
        ("a cat inside a teacup", Relation.IN, "teacup"),
        ("a tram crossing a stone bridge", Relation.ON, "bridge"),
    ],
)
def test_relates_the_first_subject_to_the_second(prompt: str, relation: Relation, target: str) -> None:
    subjects = read(prompt).subjects

    assert subjects[0].relation is relation
    assert subjects[0].target == 1
    assert subjects[1].name == target


@pytest.mark.parametrize(
    ("prompt", "relation"),
    [
        ("a cat wearing a crown", Relation.WORN_BY),
        ("a cat holding a fish", Relation.HELD_BY),
        ("an owl with a lantern", Relation.HELD_BY),
        ("a bowl of lemons", Relation.IN),
        ("a lighthouse made of books", Relation.MATERIAL_OF),
    ],
)
def test_relates_what_is_worn_held_or_contained_to_its_bearer(prompt: str, relation: Relation) -> None:
    subjects = read(prompt).subjects

    assert subjects[1].relation is relation
    assert subjects[1].target == 0


def test_the_holder_rather_than_the_held_thing_is_in_the_canoe() -> None:
    otter, book, canoe = read("an otter reading a map in a canoe").subjects

    assert (otter.relation, otter.target) == (Relation.IN, 2)
    assert (book.relation, book.target) == (Relation.HELD_BY, 0)
    assert canoe.relation is None


def test_a_second_garment_is_worn_too() -> None:
    subjects = read("a cat wearing a crown and a scarf").subjects

    assert [subject.relation for subject in subjects[1:]] == [Relation.WORN_BY, Relation.WORN_BY]


def test_colours_materials_sizes_and_sleep_describe_the_subject_they_precede_or_follow() -> None:
    orange = read("an orange cat").subjects[0]
    mossy = read("a moss-covered robot").subjects[0]
    icy = read("a chess set carved from river ice").subjects[0]
    tiny, giant = read("a tiny mouse beside a giant snail").subjects
    sleeper = read("a fox asleep in a teacup").subjects[0]

    assert orange.tint == lexicon().colours["orange"]
    assert mossy.material == lexicon().materials["moss"]
    assert icy.material == lexicon().materials["ice"]
    assert tiny.size < 1 < giant.size
    assert sleeper.sleeping


def test_the_negative_prompt_removes_subjects_and_keeps_the_others_related() -> None:
    # Given a prompt with three subjects, the third related to the second
    prompt = "a dog, a cat wearing a top hat"

    # When one is refused
    subjects = read(prompt, "dogs").subjects

    # Then the rest keep their relation under their new numbers
    assert [subject.name for subject in subjects] == ["cat", "top hat"]
    assert subjects[1].target == 0


def test_the_negative_prompt_removes_weather_and_scenery() -> None:
    reading = read("a fox in the rain", "rain, trees, clouds")

    assert reading.weather is None
    assert {"trees", "clouds"} <= reading.without


def test_a_relation_to_a_refused_subject_is_dropped() -> None:
    (cat,) = read("a cat on a table", "table").subjects

    assert (cat.relation, cat.target) == (None, None)


def test_a_prompt_without_known_words_becomes_a_caption() -> None:
    reading = read("ineffable perspicacity")

    assert reading.subjects == ()
    assert reading.caption == "ineffable perspicacity"


def test_a_prompt_with_subjects_has_no_caption() -> None:
    assert read("an ineffable cat").caption == ""


@pytest.mark.parametrize(
    "prompt", ["", "   ", "\x00\x1b", "一只会飞的猪", "قطة", "</svg><script>", "a" * 10_000, "\ue000\ue001"]
)
def test_reads_anything_without_complaint(prompt: str) -> None:
    reading = read(prompt, prompt)

    assert len(reading.subjects) <= MOST_SUBJECTS


def test_names_no_more_subjects_than_a_scene_can_hold() -> None:
    assert len(names("cat dog fox owl bear wolf lion tiger horse mouse")) == MOST_SUBJECTS


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("cats", "cat"),
        ("foxes", "fox"),
        ("berries", "berry"),
        ("wolves", "wolf"),
        ("paper boats", "paper boat"),
    ],
)
def test_knows_english_plurals(plural: str, singular: str) -> None:
    assert singular in list(singulars(plural))


def test_with_is_holding_for_things_and_company_for_creatures() -> None:
    lantern = read("an owl with a lantern").subjects[1]
    crab, fish = read("a crab with tropical fish").subjects

    assert lantern.relation is Relation.HELD_BY
    assert (crab.relation, fish.relation) == (Relation.BESIDE, None)


def test_of_fills_a_vessel_only_right_after_it() -> None:
    cup, books = read("a cup of coffee beside a stack of books").subjects

    assert (cup.relation, cup.target) == (Relation.BESIDE, 1)
    assert books.relation is None


def test_emoji_names_that_are_ordinary_words_are_not_drawn() -> None:
    assert names("a cool new cat on top of the world, ok") == ["cat"]


@pytest.mark.parametrize(
    ("prompt", "garments"),
    [
        ("a cat in a top hat", ["top hat"]),
        ("a mouse in a hat", ["top hat"]),
        ("a fox in a golden crown", ["crown"]),
        ("a dog in a red scarf and sunglasses", ["scarf", "sunglasses"]),
        ("a lion in glasses", ["glasses"]),
        ("a penguin in a helmet", ["rescue worker’s helmet"]),
        ("a cat in headphones", ["headphone"]),
    ],
)
def test_in_a_garment_means_wearing_it(prompt: str, garments: list[str]) -> None:
    wearer, *worn = read(prompt).subjects

    assert wearer.relation is None
    assert [(each.name, each.relation, each.target, each.count) for each in worn] == [
        (name, Relation.WORN_BY, 0, 1) for name in garments
    ]


@pytest.mark.parametrize("prompt", ["a rabbit inside a top hat", "lemons in a top hat", "a cat in a teacup"])
def test_in_a_vessel_means_inside_it(prompt: str) -> None:
    assert read(prompt).subjects[0].relation is Relation.IN


@pytest.mark.parametrize(
    ("prompt", "caption"),
    [
        ('a poster that says "HELLO"', "HELLO"),
        ("a poster that says “Good morning”", "Good morning"),
        ("a poster that says 'it is late'", "it is late"),
        ('a cat holding a sign that says "OPEN  LATE"', "OPEN LATE"),
        ('a neon city with "EAT" and "DRINK"', "EAT DRINK"),
        ('"ineffable perspicacity"', '"ineffable perspicacity"'),
        ("a dog's and a cat's house", ""),
    ],
)
def test_only_the_words_in_quotation_marks_are_lettered(prompt: str, caption: str) -> None:
    assert read(prompt).caption == caption


def test_quoted_words_are_not_drawn() -> None:
    assert names('a dog and the words "happy cat"') == ["dog"]
    assert names('"a dog and a cat"') == ["dog", "cat"]


@pytest.mark.parametrize("prompt", ["a cat by the window", "a cup of tea in front of a window, rain"])
def test_a_room_has_its_window_already(prompt: str) -> None:
    reading = read(prompt)

    assert reading.place == "room"
    assert len(reading.subjects) == 1
    assert reading.subjects[0].relation is None


@pytest.mark.parametrize(
    ("prompt", "place", "has_water"),
    [
        ("an otter in a canoe, mountains behind", "mountain", True),
        ("a canoe on a lake in the forest", "forest", True),
        ("a fox by a river in the forest", "forest", True),
        ("a sailing boat on a rocky coast", "beach", True),
        ("a dog on the beach", "beach", False),
        ("a duck in a meadow", "meadow", False),
        ("a duck swimming in a meadow", "meadow", True),
        ("a toy boat on a table", "room", False),
        ("a whale", "sea", True),
    ],
)
def test_finds_water_where_something_must_float(prompt: str, place: str, has_water: bool) -> None:
    reading = read(prompt)

    assert (reading.place, reading.has_water) == (place, has_water)
