"""Writing a job as an input, and reading it back: nothing is lost on the way."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from palio.contract.image.fields import members
from palio.contract.image.job import ImageJob, Lora
from palio.contract.image.variants import Variant, leaves
from palio.contract.steps.text_to_image import TextToImageInput
from palio.providers.catalog.reading import read_catalog
from palio.providers.civitai.inputs import PICTURE, Written, input_of, written
from palio.providers.civitai.provider import known_to_catalogs

CHECKPOINT = "urn:air:sdxl:checkpoint:civitai:101055@128078"
LORA = "urn:air:sdxl:lora:civitai:180891@776656"
PART = "urn:air:sdxl:vae:civitai:1@2"
NET = {"preprocessor": "inpaint", "weight": 0.5, "startStep": 0.1, "endStep": 0.9, "image": PICTURE, "mask": PICTURE}
LORAS = {LORA: 0.8}
OTHERS: dict[str, Any] = {
    "negativePrompt": "rust",
    "seed": 7,
    "outputFormat": "webP",
    "clipSkip": -1,
    "uCache": "normal",
    "embeddings": [LORA],
    "controlNets": [NET],
    "vaeModel": PART,
    "clipLModel": PART,
    "t5XXLModel": PART,
    "steps": 8,
    "numInferenceSteps": 9,
    "cfgScale": 1.5,
    "guidanceScale": 3.25,
    "sampleMethod": "er_sde",
    "schedule": "karras",
    "sampler": "lcm",
    "scheduler": "beta",
    "strength": 0.25,
    "denoiseStrength": 0.5,
    "aspectRatio": "16:9",
    "enablePromptExpansion": True,
    "enableSafetyChecker": True,
    "promptExtend": False,
    "watermark": True,
    "imageSize": "portrait_4_3",
    "modelVersion": "9b",
}
"""Members with values that are no variant's defaults."""


def inputs() -> Iterator[tuple[str, dict[str, Any], Variant]]:
    """Every variant: with what it requires and nothing else, and with everything that it takes."""
    for discriminators, variant in leaves():
        takes = members(variant)
        least: dict[str, Any] = {**discriminators, "prompt": "a kite"}
        least |= {name: CHECKPOINT for name in ("model", "diffuserModel") if _must(takes, name, least)}
        if "images" in takes:
            least["images"] = [PICTURE, PICTURE]
        if "image" in takes:
            least["image"] = PICTURE
        name = "-".join(discriminators.values())
        yield name, least, variant
        most = {**least, **{member: value for member, value in OTHERS.items() if member in takes}}
        if "loras" in takes:
            is_list = discriminators.get("model") == "dev"
            most["loras"] = [{"air": LORA, "strength": 0.8}] if is_list else LORAS
        yield f"{name}, all", most, variant


def _must(takes: dict[str, Any], name: str, given: dict[str, Any]) -> bool:
    return name in takes and name not in given and bool(takes[name].is_required())


@pytest.mark.parametrize(("raw", "variant"), [pytest.param(raw, variant, id=name) for name, raw, variant in inputs()])
def test_a_job_is_written_as_an_input_that_is_read_as_the_same_job(raw: dict[str, Any], variant: Variant):
    # Given a job that was read from an input
    read = variant.model_validate(raw)
    job = read.jobs()[0]

    # When it is written
    made = written(job)

    # Then what was written is read as the same job, and costs the same
    assert isinstance(made, Written), made
    assert variant.model_validate(made.input).jobs()[0] == job
    assert made.price == read.price()
    # With the pictures in their places
    assert input_of(job, job.images) == made.input


@pytest.mark.parametrize(("raw", "variant"), [pytest.param(raw, variant, id=name) for name, raw, variant in inputs()])
def test_the_catalog_has_a_model_for_every_variant_and_no_tighter_bounds(raw: dict[str, Any], variant: Variant):
    found = read_catalog("civitai").best(known_to_catalogs(variant.model_validate(raw).jobs()[0]))
    assert not isinstance(found, str), found


def test_the_catalog_has_no_model_that_no_variant_leads_to():
    catalog = read_catalog("civitai")
    found = [catalog.best(known_to_catalogs(variant.model_validate(raw).jobs()[0])) for _, raw, variant in inputs()]
    assert {fit.model.id for fit in found if not isinstance(fit, str)} == set(catalog.names)


def test_the_bounds_in_the_catalog_are_those_of_the_contract():
    # Given a model whose job goes past each bound of the catalog by one
    catalog = read_catalog("civitai")
    for _, raw, variant in inputs():
        job = variant.model_validate(raw).jobs()[0]
        found = catalog.best(known_to_catalogs(job))
        assert not isinstance(found, str)
        size = found.model.size
        if size is None:
            continue
        # Then the contract takes what is at the bound
        for side in (size.least, size.most // size.multiple * size.multiple):
            wider = replace(job, width=side, height=side, options={**job.options})
            if "imageSize" not in job.options and job.model != "edit":
                assert isinstance(written(wider), Written), (found.model.id, side, written(wider))


def test_the_older_step_is_written_too_where_nothing_of_it_is_lost():
    job = TextToImageInput(prompt="a kite", model=CHECKPOINT, scheduler="dpM2MKarras").jobs()[0]
    made = written(job)
    assert isinstance(made, Written)
    assert made.input["sampler"] == "dpmpp_2m"
    assert isinstance(written(replace(job, clip_skip=3)), str)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 100_000}, "takes no such"),
        ({"model": "nope"}, "has no such image: model"),
        ({"steps": None}, "cannot be told steps"),
        ({"loras": (Lora(LORA, 1.0), Lora(LORA, 2.0))}, "cannot be told loras"),
        ({"options": {"other": True}}, "takes no such"),
        ({"engine": "other"}, "has no such image: engine"),
    ],
    ids=str,
)
def test_what_no_input_says_is_a_reason(changes: dict[str, Any], reason: str):
    raw = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage", "prompt": "a kite"}
    variant = {name: variant for name, _, variant in inputs()}["sdcpp-zImage-turbo-createImage"]
    job: ImageJob = variant.model_validate(raw).jobs()[0]
    assert reason in str(written(replace(job, **changes)))
