"""Every number that an imageGen input takes: its default, its range, and the values just outside."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import pytest
from pydantic import BaseModel

from palio.contract.json import Json, JsonObject
from palio.contract.steps import read_input
from palio.errors import BadRequest

AT = "steps[0].input"
PICTURE = "https://example.com/harbour.png"
FLUX = "urn:air:flux1:checkpoint:civitai:618692@691639"
SDXL = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SD1 = "urn:air:sd1:checkpoint:civitai:4384@128713"


@dataclass(frozen=True)
class Range:
    """What a field takes; a `step` of None is a number that need not be whole."""

    least: float
    most: float
    default: float | None
    step: int | None = 1

    @property
    def outside(self) -> tuple[float, float]:
        return self.least - (self.step or 0.01), self.most + (self.step or 0.01)


@dataclass(frozen=True)
class Family:
    """Inputs that share their numbers."""

    shared: JsonObject
    ways: list[JsonObject]
    numbers: dict[str, Range] = field(default_factory=dict)


def size(least: int, most: int, default: int | None, step: int = 1) -> dict[str, Range]:
    return {side: Range(least, most, default, step) for side in ("width", "height")}


CREATE: JsonObject = {"operation": "createImage"}
EDIT: JsonObject = {"operation": "editImage", "images": [PICTURE]}
VARIANT: JsonObject = {"operation": "createVariant", "image": PICTURE}
INT64 = {"seed": Range(-(2**63), 2**63 - 1, None)}
INT32 = {"seed": Range(-(2**31), 2**31 - 1, None)}
STRENGTH = {"strength": Range(0, 1, 0.7, None)}
DENOISE = {"denoiseStrength": Range(0, 1, 0.75, None)}

FLUX1_SDCPP = {
    **size(832, 1216, 1024, 16),
    **INT64,
    "quantity": Range(1, 4, 1),
    "cfgScale": Range(1, 20, 3.5, None),
    "steps": Range(4, 50, 28),
}
COMFY = {**INT64, "quantity": Range(1, 12, 1), "steps": Range(1, 150, 30), "cfgScale": Range(0, 30, 7, None)}
SDCPP = {**COMFY, "steps": Range(1, 150, 20)}
KLEIN = {
    **INT64,
    "quantity": Range(1, 4, 1),
    "cfgScale": Range(1, 20, 5, None),
    "steps": Range(4, 50, 20),
}
FLUX2 = {**size(512, 2048, 1024), **INT64, "quantity": Range(1, 4, 1)}
FLUX2_OWN_DEV = {**FLUX2, "cfgScale": Range(1, 20, 1, None), "steps": Range(4, 50, 20)}

FAMILIES = [
    Family({"engine": "sdcpp", "ecosystem": "flux1", "diffuserModel": FLUX}, [CREATE, EDIT], FLUX1_SDCPP),
    Family({"engine": "sdcpp", "ecosystem": "flux1", "diffuserModel": FLUX}, [VARIANT], FLUX1_SDCPP | STRENGTH),
    Family(
        {"engine": "comfy", "ecosystem": "flux1", "model": FLUX},
        [CREATE],
        COMFY | size(64, 2048, 1024) | {"steps": Range(1, 150, 20), "cfgScale": Range(0, 30, 3.5, None)},
    ),
    Family({"engine": "comfy", "ecosystem": "flux1", "model": FLUX}, [VARIANT], DENOISE),
    Family(
        {"engine": "flux1-kontext"},
        [{"model": "dev"}, {"model": "pro"}, {"model": "max", "images": [PICTURE]}],
        {"guidanceScale": Range(1, 20, 3.5, None), "quantity": Range(1, 4, 1), **INT64},
    ),
    Family({"engine": "flux2", "model": "klein"}, [CREATE, EDIT], KLEIN | size(512, 2048, 1024, 16)),
    Family(
        {"engine": "flux2", "model": "dev"},
        [CREATE, EDIT],
        FLUX2 | {"guidanceScale": Range(0, 20, 2.5, None), "numInferenceSteps": Range(4, 50, 28)},
    ),
    Family(
        {"engine": "flux2", "model": "flex"},
        [CREATE, EDIT],
        FLUX2 | {"guidanceScale": Range(1.5, 100, 3.5, None), "numInferenceSteps": Range(2, 50, 28)},
    ),
    Family({"engine": "flux2", "model": "pro"}, [CREATE, EDIT], FLUX2),
    Family({"engine": "flux2", "model": "max"}, [CREATE, EDIT], FLUX2),
    Family({"engine": "sdcpp", "ecosystem": "flux2Klein"}, [CREATE, EDIT], KLEIN | size(512, 2048, 1024)),
    Family({"engine": "sdcpp", "ecosystem": "flux2Klein"}, [VARIANT], KLEIN | size(512, 2048, 1024) | STRENGTH),
    Family({"engine": "sdcpp", "ecosystem": "flux2Dev"}, [CREATE, EDIT], FLUX2_OWN_DEV),
    Family({"engine": "sdcpp", "ecosystem": "flux2Dev"}, [VARIANT], FLUX2_OWN_DEV | STRENGTH),
    Family({"engine": "comfy", "ecosystem": "flux2Dev"}, [CREATE, EDIT], FLUX2_OWN_DEV),
    Family({"engine": "sdcpp", "ecosystem": "sdxl", "model": SDXL}, [CREATE], SDCPP | size(64, 2048, 1024, 16)),
    Family(
        {"engine": "sdcpp", "ecosystem": "sdxl", "model": SDXL},
        [VARIANT],
        SDCPP | size(64, 2048, 1024, 16) | STRENGTH,
    ),
    Family({"engine": "comfy", "ecosystem": "sdxl", "model": SDXL}, [CREATE], COMFY | size(64, 2048, 1024)),
    Family({"engine": "comfy", "ecosystem": "sdxl", "model": SDXL}, [VARIANT], COMFY | DENOISE),
    Family({"engine": "sdcpp", "ecosystem": "sd1", "model": SD1}, [CREATE], SDCPP | size(64, 2048, 512)),
    Family({"engine": "sdcpp", "ecosystem": "sd1", "model": SD1}, [VARIANT], SDCPP | size(64, 2048, 512) | STRENGTH),
    Family({"engine": "comfy", "ecosystem": "sd1", "model": SD1}, [CREATE], COMFY | size(64, 1024, 512)),
    Family({"engine": "comfy", "ecosystem": "sd1", "model": SD1}, [VARIANT], COMFY | size(64, 1024, 512) | DENOISE),
    Family(
        {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo"},
        [CREATE],
        SDCPP | size(64, 2048, 1024, 16) | {"steps": Range(1, 150, 9), "cfgScale": Range(0, 30, 1, None)},
    ),
    Family(
        {"engine": "sdcpp", "ecosystem": "zImage", "model": "base"},
        [CREATE],
        SDCPP | size(64, 2048, 1024) | {"cfgScale": Range(0, 30, 4, None)},
    ),
    Family(
        {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b"},
        [CREATE],
        SDCPP | size(64, 2048, 1024) | {"cfgScale": Range(0, 30, 2.5, None)},
    ),
    Family(
        {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b"},
        [EDIT],
        SDCPP | size(0, 2048, 0) | {"cfgScale": Range(0, 30, 2.5, None)},
    ),
    Family(
        {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b"},
        [VARIANT],
        SDCPP | size(0, 2048, 0) | STRENGTH | {"cfgScale": Range(0, 30, 2.5, None)},
    ),
    Family({"engine": "qwen"}, [CREATE, EDIT], INT32 | size(512, 2048, None) | {"quantity": Range(1, 6, 1)}),
    Family(
        {"engine": "fal", "model": "qwen2"},
        [CREATE, {"operation": "proCreateImage"}, EDIT, {"operation": "proEditImage", "images": [PICTURE]}],
        {**INT32, "quantity": Range(1, 10, 1)},
    ),
    Family(
        {"engine": "seedream"},
        [{}, {"images": [PICTURE]}],
        size(256, 4096, 1024) | INT32 | {"guidanceScale": Range(1, 10, 2.5, None), "quantity": Range(1, 12, 1)},
    ),
    Family({"engine": "grok"}, [CREATE, EDIT], {"quantity": Range(1, 4, 1)}),
]


def inputs() -> Iterator[JsonObject]:
    for family in FAMILIES:
        for way in family.ways:
            yield {**family.shared, **way, "prompt": "a harbour in fog"}


def numbers() -> Iterator[tuple[JsonObject, str, Range]]:
    for family in FAMILIES:
        for way, (name, limits) in product(family.ways, family.numbers.items()):
            yield {**family.shared, **way, "prompt": "a harbour in fog"}, name, limits


def label(value: object) -> str:
    if isinstance(value, dict):
        return "-".join(str(value[key]) for key in ("engine", "ecosystem", "operation") if key in value)
    return f"{value.least}..{value.most}" if isinstance(value, Range) else str(value)


NUMBERS = list(numbers())
STEPPED = [row for row in NUMBERS if row[2].step == 16]


def read(raw: JsonObject) -> BaseModel:
    found = read_input("imageGen", raw, AT)
    assert isinstance(found, BaseModel)
    return found


def value_of(raw: JsonObject, name: str) -> object:
    return read(raw).model_dump(by_alias=True)[name]


@pytest.mark.parametrize("raw", list(inputs()))
def test_the_shortest_input_of_every_variant_is_read(raw: JsonObject) -> None:
    assert read(raw)


@pytest.mark.parametrize("raw", list(inputs()))
def test_discriminators_may_come_last_in_the_object(raw: JsonObject) -> None:
    assert read(dict(reversed(raw.items()))) == read(raw)


@pytest.mark.parametrize(("raw", "name", "limits"), NUMBERS, ids=label)
def test_a_number_left_out_has_its_default(raw: JsonObject, name: str, limits: Range) -> None:
    assert value_of(raw, name) == limits.default


@pytest.mark.parametrize(("raw", "name", "limits"), NUMBERS, ids=label)
def test_the_ends_of_a_range_are_part_of_it(raw: JsonObject, name: str, limits: Range) -> None:
    for end in (limits.least, limits.most):
        assert value_of(raw | {name: end}, name) == end


@pytest.mark.parametrize(("raw", "name", "limits"), NUMBERS, ids=label)
def test_a_number_just_outside_its_range_is_refused_by_name(raw: JsonObject, name: str, limits: Range) -> None:
    for beyond in limits.outside:
        with pytest.raises(BadRequest) as refused:
            read(raw | {name: beyond})
        assert list(refused.value.errors) == [f"{AT}.{name}"]


@pytest.mark.parametrize(("raw", "name", "limits"), NUMBERS, ids=label)
def test_only_numbers_that_need_not_be_whole_have_a_fraction(raw: JsonObject, name: str, limits: Range) -> None:
    between = (limits.default if limits.default is not None else 1000) + 0.25
    if limits.step is None:
        assert value_of(raw | {name: between}, name) == between
    else:
        with pytest.raises(BadRequest) as refused:
            read(raw | {name: between})
        assert list(refused.value.errors) == [f"{AT}.{name}"]


@pytest.mark.parametrize(("raw", "name", "limits"), STEPPED, ids=label)
def test_sides_go_in_steps_where_the_engine_says_so(raw: JsonObject, name: str, limits: Range) -> None:
    assert value_of(raw | {name: 1024 - 16}, name) == 1024 - 16
    for between in (1024 - 8, 1024 + 1):
        with pytest.raises(BadRequest) as refused:
            read(raw | {name: between})
        assert refused.value.errors == {f"{AT}.{name}": ["must be a multiple of 16"]}


@pytest.mark.parametrize("wrong", [True, "", "many", "nan", "1_0", [1], {"value": 1}, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["width", "steps", "cfgScale", "seed", "quantity"])
def test_what_is_not_a_number_is_refused(name: str, wrong: Json) -> None:
    raw = {"engine": "sdcpp", "ecosystem": "sd1", "model": SD1, **CREATE, "prompt": "a harbour in fog"}
    with pytest.raises(BadRequest) as refused:
        read(raw | {name: wrong})
    assert list(refused.value.errors) == [f"{AT}.{name}"]


@pytest.mark.parametrize(
    ("sent", "read_as"), [("9007199254740993", 2**53 + 1), ("-7", -7), (20.0, 20), ("20", 20), (None, None)]
)
def test_numbers_may_be_quoted_and_whole_numbers_may_have_a_point(sent: Json, read_as: int | None) -> None:
    raw = {"engine": "sdcpp", "ecosystem": "sd1", "model": SD1, **CREATE, "prompt": "a harbour in fog"}
    assert value_of(raw | {"seed": sent}, "seed") == read_as
