"""The shaped form of an image input and the imageGen input it becomes."""

import pytest

from palio.contract.image.friendly import FRIENDLY_ENGINES, from_friendly
from palio.contract.json import Json, JsonObject
from palio.contract.steps import ImageStepInput, read_input
from palio.errors import BadRequest

PICTURE = "https://example.com/harbour.png"
MINE = "urn:air:sdxl:checkpoint:civitai:1@2"


def job_of(friendly: JsonObject) -> tuple[str, str, str, str, int, int]:
    wire = from_friendly(friendly | {"prompt": "a heron"}, "input")
    found = read_input("imageGen", wire, "input")
    assert isinstance(found, ImageStepInput)
    job = found.jobs()[0]
    return job.engine, job.family, job.model, job.operation.value, job.width, job.height


def errors_of(friendly: JsonObject) -> set[str]:
    with pytest.raises(BadRequest) as refused:
        from_friendly(friendly, "input")
    return {path.removeprefix("input.") for path in refused.value.errors}


def test_the_everyday_names_are_all_there() -> None:
    assert (
        *("flux1", "flux1-kontext", "flux2", "sdxl", "sd1", "z-image", "qwen", "seedream", "grok"),
    ) == FRIENDLY_ENGINES


@pytest.mark.parametrize(
    ("friendly", "engine", "family", "operation"),
    [
        ({"engine": "flux1"}, "sdcpp", "flux1", "create"),
        ({"engine": "flux1", "images": [PICTURE]}, "sdcpp", "flux1", "edit"),
        ({"engine": "flux1", "images": [PICTURE], "strength": 0.5}, "sdcpp", "flux1", "variant"),
        ({"engine": "flux1-kontext"}, "flux1-kontext", "flux1-kontext", "create"),
        ({"engine": "flux1-kontext", "images": [PICTURE]}, "flux1-kontext", "flux1-kontext", "edit"),
        ({"engine": "flux2"}, "flux2", "flux2", "create"),
        ({"engine": "flux2", "images": [PICTURE]}, "flux2", "flux2", "edit"),
        ({"engine": "flux2", "images": [PICTURE], "strength": 0.5}, "sdcpp", "flux2", "variant"),
        ({"engine": "flux2", "model": "dev", "images": [PICTURE], "strength": 0.5}, "sdcpp", "flux2", "variant"),
        ({"engine": "sdxl"}, "sdcpp", "sdxl", "create"),
        ({"engine": "sdxl", "images": [PICTURE]}, "sdcpp", "sdxl", "variant"),
        ({"engine": "sd1", "images": [PICTURE], "strength": 1}, "sdcpp", "sd1", "variant"),
        ({"engine": "z-image"}, "sdcpp", "zImage", "create"),
        ({"engine": "qwen"}, "sdcpp", "qwen", "create"),
        ({"engine": "qwen", "images": [PICTURE]}, "sdcpp", "qwen", "edit"),
        ({"engine": "qwen", "images": [PICTURE], "strength": 0.5}, "sdcpp", "qwen", "variant"),
        ({"engine": "qwen", "model": "2.0-pro"}, "qwen", "qwen", "create"),
        ({"engine": "qwen", "model": "edit-plus", "images": [PICTURE]}, "qwen", "qwen", "edit"),
        ({"engine": "seedream"}, "seedream", "seedream", "create"),
        ({"engine": "seedream", "images": [PICTURE]}, "seedream", "seedream", "edit"),
        ({"engine": "grok"}, "grok", "grok", "create"),
        ({"engine": "grok", "images": [PICTURE]}, "grok", "grok", "edit"),
    ],
)
def test_an_engine_and_a_prompt_are_enough(friendly: JsonObject, engine: str, family: str, operation: str) -> None:
    assert (job_of(friendly)[0], job_of(friendly)[1], job_of(friendly)[3]) == (engine, family, operation)


@pytest.mark.parametrize(
    ("engine", "model"),
    [
        *[("sdxl", MINE), ("sd1", MINE), ("flux1", MINE), ("flux2", "max"), ("flux1-kontext", "pro")],
        *[("z-image", "base"), ("qwen", "20b"), ("seedream", "v4")],
    ],
)
def test_a_model_can_be_named(engine: str, model: str) -> None:
    assert job_of({"engine": engine, "model": model})[2] == model


@pytest.mark.parametrize(
    ("friendly", "width", "height"),
    [
        ({"engine": "sdxl", "aspectRatio": "16:9"}, 1360, 768),
        ({"engine": "sd1", "aspectRatio": "2:3"}, 416, 624),
        ({"engine": "seedream", "aspectRatio": "1:4"}, 512, 2048),
        ({"engine": "qwen", "model": "2.0", "aspectRatio": "4:3"}, 1184, 880),
        # No wider than the variant goes.
        ({"engine": "flux1", "aspectRatio": "16:9"}, 1216, 832),
        ({"engine": "flux1-kontext", "width": 1344, "height": 768}, 1360, 768),
        ({"engine": "grok", "width": "800", "height": 1600}, 720, 1456),
        # 1024 x 500 is nearest to 21:9.
        ({"engine": "flux1-kontext", "height": 500.0}, 1568, 672),
    ],
)
def test_shape_and_size_stand_in_for_one_another(friendly: JsonObject, width: int, height: int) -> None:
    assert job_of(friendly)[4:] == (width, height)


def test_members_take_the_names_of_the_variant() -> None:
    friendly: JsonObject = {
        **{"engine": "flux2", "model": "dev", "prompt": "a heron", "steps": 30, "cfgScale": 3},
        **{"seed": 7, "quantity": 2, "outputFormat": "png", "negativePrompt": None, "images": []},
    }
    assert from_friendly(friendly, "input") == {
        **{"engine": "flux2", "model": "dev", "operation": "createImage", "prompt": "a heron"},
        **{"numInferenceSteps": 30, "guidanceScale": 3, "seed": 7, "quantity": 2, "outputFormat": "png"},
    }


def test_a_reference_is_passed_on() -> None:
    reference: Json = {"$ref": "$0", "path": "output.images[0].url"}
    assert from_friendly({"engine": "sdxl", "images": [reference]}, "input")["image"] == reference
    assert from_friendly({"engine": "seedream", "images": reference}, "input")["images"] == reference


@pytest.mark.parametrize(
    "wire",
    [
        {"engine": "sdcpp", "anything": 1},
        {"engine": "fal", "model": "qwen2"},
        {"engine": "qwen", "operation": "createImage", "prompt": "a heron"},
        {"engine": "flux2", "model": "klein", "operation": "editImage"},
        {"engine": "seedream", "guidanceScale": 3},
    ],
)
def test_an_image_gen_input_comes_back_as_it_is(wire: JsonObject) -> None:
    assert from_friendly(wire, "input") is wire


@pytest.mark.parametrize(
    ("friendly", "wrong"),
    [
        ({"engine": "flux1-kontext", "steps": 20, "negativePrompt": "blur"}, {"steps", "negativePrompt"}),
        ({"engine": "flux2", "model": "pro", "cfgScale": 3}, {"cfgScale"}),
        ({"engine": "grok", "seed": 1, "model": "grok"}, {"seed", "model"}),
        ({"engine": "grok", "images": [PICTURE], "width": 512}, {"width"}),
        ({"engine": "grok", "images": [PICTURE], "aspectRatio": "1:1"}, {"aspectRatio"}),
        ({"engine": "z-image", "images": [PICTURE]}, {"images"}),
        ({"engine": "seedream", "images": [PICTURE], "strength": 1}, {"strength"}),
        ({"engine": "flux2", "model": "pro", "images": [PICTURE], "strength": 1}, {"strength"}),
        ({"engine": "sdxl", "strength": 1}, {"strength"}),
        ({"engine": "sdxl", "loras": {}}, {"loras"}),
        ({"engine": "sdxl", "images": [PICTURE, PICTURE]}, {"images"}),
        ({"engine": "sdxl", "images": PICTURE}, {"images"}),
        ({"engine": "sdxl", "aspectRatio": "16:9", "width": 512}, {"aspectRatio"}),
        *[({"engine": "sdxl", "aspectRatio": wrong}, {"aspectRatio"}) for wrong in ("wide", "1:0", "5:1", 2, "1:")],
        *[({"engine": "grok", "width": wrong}, {"width"}) for wrong in (0, -1, "wide", True, 10**9, "٣")],
        ({"engine": "flux2", "model": "ultra"}, {"model"}),
        ({"engine": "z-image", "model": ["turbo"]}, {"model"}),
        ({"engine": "flux"}, {"engine"}),
        ({"engine": 1}, {"engine"}),
        ({}, {"engine"}),
    ],
)
def test_what_has_no_place_is_refused_by_name(friendly: JsonObject, wrong: set[str]) -> None:
    assert errors_of(friendly) == wrong


@pytest.mark.parametrize(
    ("body", "wrong"), [({"engine": "flux"}, "engine"), ({"engine": "sdxl", "strength": 1}, "strength")]
)
def test_an_input_may_be_the_body_of_a_request(body: JsonObject, wrong: str) -> None:
    with pytest.raises(BadRequest, match=f"^{wrong}: ") as refused:
        from_friendly(body, "")
    assert list(refused.value.errors) == [wrong]
