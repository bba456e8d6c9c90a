"""The AI Horde through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.horde import MODELS, Horde
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

LORA = "urn:air:sdxl:lora:civitai:180891@776656"
SCHNELL = "urn:air:flux1:checkpoint:civitai:618692@699279"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": SCHNELL, "steps": 4}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SDXL = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL_BASE}
SD15 = "urn:air:sd1:checkpoint:huggingface:stable-diffusion-v1-5/stable-diffusion-v1-5"
SD1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage", "model": SD15}
VARIANT = {"operation": "createVariant", "image": PICTURE}

ORDERS = {
    "stable_diffusion": {**SD1, "negativePrompt": "rust", "width": 512, "height": 768, "sampleMethod": "euler_a"},
    "stable_diffusion, varied": {**SD1, **VARIANT, "strength": 0.4, "clipSkip": 1},
    "SDXL 1.0": {**SDXL, "loras": {LORA: 0.7}, "sampler": "dpmpp_2m", "scheduler": "karras"},
    "SDXL 1.0, varied": {**SDXL, **VARIANT},
    "Flux.1-Schnell fp8 (Compact)": FLUX1,
    "Z-Image-Turbo": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""


@pytest.fixture(scope="module")
def horde() -> Iterator[Horde]:
    with serving(stand_in := Horde()):
        yield stand_in


@pytest.fixture(scope="module")
def server(horde: Horde, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("horde"), "horde", horde, "AI_HORDE_API_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} == set(read_catalog("horde").names) == MODELS


def test_every_model_makes_a_picture(server: Server, horde: Horde):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(request.model for request in horde.started) == sorted(name.partition(",")[0] for name in ORDERS)
    portrait = made["stable_diffusion"]
    assert isinstance(portrait, Image.Image)
    assert portrait.size == (512, 768)


def test_a_size_and_a_checkpoint_that_the_horde_does_not_have_are_declined(server: Server):
    dreamshaper = "urn:air:sd1:checkpoint:civitai:4384@128713"
    declined = make(server, {"size": {**SD1, "width": 520}, "checkpoint": {**SD1, "model": dreamshaper}})
    assert "multiples of 64 pixels, not 520" in str(declined["size"])
    assert f"has no sd1 {dreamshaper}" in str(declined["checkpoint"])


def test_a_run_is_on_record_as_free(server: Server):
    step = {"$type": "imageGen", "input": {"prompt": "a tin robot", **FLUX1}}
    with server.client() as client:
        reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 60})
    assert reply.json()["steps"][0]["jobs"][0]["attempts"][0]["cost"] == 0
