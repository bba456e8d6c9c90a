"""The JSON Schema of inputs, checked against the inputs themselves."""

import pytest
from jsonschema import Draft202012Validator

from palio.contract.image.variants import leaves
from palio.contract.json import Json, JsonObject
from palio.contract.steps.schema import input_schemas

PICTURE = "https://example.com/harbour.png"
ANYTHING: JsonObject = {
    "prompt": "a heron",
    "model": "civitai:1@2",
    "diffuserModel": "civitai:1@2",
    "image": PICTURE,
    "images": [PICTURE],
}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": input_schemas()}})


@pytest.mark.parametrize(("way", "variant"), [pytest.param(*leaf, id="-".join(leaf[0].values())) for leaf in leaves()])
def test_the_union_admits_exactly_one_variant(way: dict[str, str], variant: type) -> None:
    needed = input_schemas()[variant.__name__]["required"]
    assert isinstance(needed, list)
    raw: JsonObject = {**{name: sent for name, sent in ANYTHING.items() if name in needed}, **way}
    assert validator("ImageGenInput").is_valid(raw)
    assert not validator("ImageGenInput").is_valid(raw | {"surprise": 1})
    assert not validator("ImageGenInput").is_valid(raw | {"quantity": 0})


def test_the_union_says_how_it_is_discriminated() -> None:
    schemas = input_schemas()
    assert schemas["ImageGenInput"]["discriminator"] == {
        "propertyName": "engine",
        "mapping": {
            "sdcpp": "#/components/schemas/SdcppImageGenInput",
            "comfy": "#/components/schemas/ComfyImageGenInput",
            "flux1-kontext": "#/components/schemas/Flux1KontextImageGenInput",
            "flux2": "#/components/schemas/Flux2ImageGenInput",
            "seedream": "#/components/schemas/Seedream",
            "grok": "#/components/schemas/GrokImageGenInput",
            "qwen": "#/components/schemas/QwenImageGenInput",
            "fal": "#/components/schemas/FalImageGenInput",
        },
    }
    assert "$ref" in str(schemas["ImageGenInput"]["description"])


def test_every_reference_leads_to_a_schema() -> None:
    schemas = input_schemas()

    def refs(value: Json) -> list[str]:
        if isinstance(value, dict):
            own = [str(value["$ref"])] if "$ref" in value else []
            return own + [found for child in value.values() for found in refs(child)]
        return [found for child in value for found in refs(child)] if isinstance(value, list) else []

    assert {found.removeprefix("#/components/schemas/") for found in refs(dict(schemas))} <= {
        *schemas,
        "WorkflowStepTemplate",  # of which an input of a repeat has one; it is where the templates of steps are
    }


def test_members_are_described_as_on_the_wire() -> None:
    sdxl = input_schemas()["SdcppSdxlCreate"]["properties"]
    assert isinstance(sdxl, dict)
    assert sdxl["width"] == {"type": "integer", "default": 1024, "minimum": 64, "maximum": 2048, "multipleOf": 16}
    assert sdxl["outputFormat"] == {"type": "string", "default": "jpeg", "enum": ["jpeg", "png", "webP"]}
    assert "sampleMethod" in sdxl
    assert "sample_method" not in sdxl


def test_the_other_steps_are_there() -> None:
    assert validator("EchoInput").is_valid({"message": "hello", "volume": 11})
    assert validator("TextToImageInput").is_valid({"prompt": "a heron", "sourceImageDenoiseStrenght": 0.5})
    assert not validator("TextToImageInput").is_valid({"prompt": "a heron", "sourceImageDenoiseStrenght": 1.5})
