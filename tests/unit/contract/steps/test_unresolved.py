"""Inputs that hold references: what they will bring is taken on trust, the rest is read as ever."""

import pytest

from palio.contract.image.fields import members
from palio.contract.image.variants import Variant, leaves
from palio.contract.json import Json, JsonObject
from palio.contract.references import Place
from palio.contract.steps import ImageStepInput, StepInput, read_input
from palio.contract.steps.echo import EchoInput
from palio.contract.steps.text_to_image import TextToImageInput
from palio.errors import BadRequest

AT = "steps[1].input"
REF: JsonObject = {"$ref": "$0", "path": "output.images[0].url"}
PICTURE = "https://example.com/harbour.png"
AIR = "urn:air:sdxl:checkpoint:civitai:101055@128078"
COMFY: JsonObject = {
    "engine": "comfy",
    "ecosystem": "sdxl",
    "operation": "createVariant",
    "model": AIR,
    "prompt": "a heron",
    "image": PICTURE,
}
KLEIN: JsonObject = {"engine": "flux2", "model": "klein", "operation": "editImage", "prompt": "a heron"}
QWEN: JsonObject = {"engine": "qwen", "operation": "editImage", "prompt": "a heron", "images": [PICTURE]}
NET: JsonObject = {"preprocessor": "inpaint", "weight": 1, "startStep": 0, "endStep": 1, "mask": PICTURE}


def read(raw: Json, *places: Place, step_type: str = "imageGen") -> StepInput | None:
    return read_input(step_type, raw, AT, places)


def image_input(raw: Json, *places: Place, step_type: str = "imageGen") -> ImageStepInput:
    found = read(raw, *places, step_type=step_type)
    assert isinstance(found, ImageStepInput)
    return found


@pytest.mark.parametrize(("way", "variant"), [pytest.param(*leaf, id="-".join(leaf[0].values())) for leaf in leaves()])
def test_any_member_of_any_variant_but_a_discriminator_may_be_a_reference(
    way: dict[str, str], variant: Variant
) -> None:
    raw: JsonObject = {**dict.fromkeys(members(variant), REF), **way}
    found = image_input(raw, *[(name,) for name in raw if name not in way])
    assert found.jobs()
    assert found.price().total > 0


@pytest.mark.parametrize(
    ("raw", "discriminator"),
    [
        ({"engine": REF}, "engine"),
        (COMFY | {"ecosystem": REF}, "ecosystem"),
        (COMFY | {"operation": REF}, "operation"),
        (KLEIN | {"model": REF}, "model"),
        (QWEN | {"operation": REF}, "operation"),
    ],
)
def test_nothing_is_known_while_a_discriminator_is_a_reference(raw: JsonObject, discriminator: str) -> None:
    assert read(raw, (discriminator,)) is None


def test_nothing_is_known_while_the_whole_input_is_a_reference() -> None:
    assert read(REF, ()) is None
    assert read(REF, (), step_type="echo") is None


def test_a_reference_elsewhere_does_not_excuse_a_wrong_discriminator() -> None:
    with pytest.raises(BadRequest, match="engine"):
        read({"engine": "flux", "prompt": REF}, ("prompt",))


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (COMFY | {"image": REF}, ("image",)),
        (COMFY | {"loras": REF}, ("loras",)),
        (COMFY | {"loras": {AIR: REF}}, ("loras", AIR)),
        (COMFY | {"controlNets": [REF]}, ("controlNets", 0)),
        *[(COMFY | {"controlNets": [NET | {name: REF}]}, ("controlNets", 0, name)) for name in [*NET, "image"]],
        (KLEIN | {"images": [PICTURE, REF]}, ("images", 1)),
        (KLEIN | {"model": "dev", "loras": [REF]}, ("loras", 0)),
        (KLEIN | {"model": "dev", "loras": [{"air": REF}]}, ("loras", 0, "air")),
        (KLEIN | {"model": "dev", "loras": [{"air": AIR, "strength": REF}]}, ("loras", 0, "strength")),
        (COMFY | {"engine": "sdcpp", "embeddings": [AIR, REF]}, ("embeddings", 1)),
        (QWEN | {"model": "edit", "width": REF}, ("width",)),
        (QWEN | {"model": "edit", "quantity": REF}, ("quantity",)),
    ],
)
def test_a_reference_may_stand_at_any_depth(raw: JsonObject, place: Place) -> None:
    assert image_input(raw, place).jobs()
    # Without being told that a reference stands there, it is only a value of the wrong type.
    with pytest.raises(BadRequest):
        read(raw)


def test_items_that_are_references_count_as_items() -> None:
    two = image_input(KLEIN | {"images": [REF, REF]}, ("images", 0), ("images", 1))
    assert len(two.jobs()[0].images) == 2
    assert two.price().total == image_input(KLEIN | {"images": [PICTURE, PICTURE]}).price().total
    with pytest.raises(BadRequest) as refused:
        read(KLEIN | {"images": [REF] * 3}, ("images", 0), ("images", 1), ("images", 2))
    assert list(refused.value.errors) == [f"{AT}.images"]


def test_members_that_are_references_are_priced_at_their_default() -> None:
    raw = COMFY | {"steps": REF, "width": REF, "quantity": REF}
    found = image_input(raw, ("steps",), ("width",), ("quantity",))
    assert found.price() == image_input(COMFY).price()
    assert len(found.jobs()) == 1


def test_an_array_that_is_a_reference_counts_as_one_item_where_one_is_needed() -> None:
    assert image_input(QWEN | {"images": REF}, ("images",)).price().total == 39


def test_what_is_not_a_reference_is_still_checked() -> None:
    raw = COMFY | {"image": REF, "width": 10, "clipSkip": 2, "controlNets": [{"preprocessor": "canny", "mask": REF}]}
    with pytest.raises(BadRequest) as refused:
        read(raw, ("image",), ("controlNets", 0, "mask"))
    assert {path.removeprefix(f"{AT}.") for path in refused.value.errors} == {
        *("width", "clipSkip", "controlNets[0].weight", "controlNets[0].startStep", "controlNets[0].endStep"),
    }


def test_a_reference_does_not_make_an_unknown_member_known() -> None:
    with pytest.raises(BadRequest) as refused:
        read(COMFY | {"clipSkip": REF}, ("clipSkip",))
    assert list(refused.value.errors) == [f"{AT}.clipSkip"]


def test_the_input_that_was_sent_is_left_as_it_was() -> None:
    raw = KLEIN | {"seed": REF, "images": [REF]}
    image_input(raw, ("seed",), ("images", 0))
    assert raw == KLEIN | {"seed": REF, "images": [REF]}


def test_places_where_nothing_stands_do_no_harm() -> None:
    assert image_input(KLEIN, ("images", 4), ("loras", AIR, "x"), ("prompt", 0), ("nothing",))


def test_other_steps_may_hold_references_too() -> None:
    echo = read({"message": REF}, ("message",), step_type="echo")
    assert isinstance(echo, EchoInput)
    raw: JsonObject = {
        **dict.fromkeys(members(TextToImageInput), REF),
        "additionalNetworks": {AIR: REF, "civitai:2": {"strength": REF, "type": REF}},
    }
    places: list[Place] = [(name,) for name in raw if name != "additionalNetworks"]
    places += [("additionalNetworks", AIR), ("additionalNetworks", "civitai:2", "strength")]
    places += [("additionalNetworks", "civitai:2", "type")]
    assert len(image_input(raw, *places, step_type="textToImage").jobs()) == 1
