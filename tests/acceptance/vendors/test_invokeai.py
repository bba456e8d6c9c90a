"""InvokeAI through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.own_servers import (
    DREAMSHAPER,
    EDIT,
    FLUX1,
    KLEIN,
    LORA,
    QWEN,
    SCHNELL,
    SD1,
    SDXL,
    VARIANT,
    Z_IMAGE,
)
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.invokeai import InvokeAI
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

SDXL_BASE = "huggingface:stabilityai/stable-diffusion-xl-base-1.0"

ORDERS = {
    "sd1": {**SD1, "model": DREAMSHAPER, "loras": {LORA: 0.7}, "negativePrompt": "rust", "schedule": "karras"},
    "sd1, varied": {**SD1, **VARIANT, "model": DREAMSHAPER, "width": 640, "height": 512, "strength": 0.4},
    "sd1, with a VAE": {**SD1, "model": DREAMSHAPER, "vaeModel": "urn:air:sd1:vae:civitai:1@840000"},
    "sdxl": {**SDXL, "model": "urn:air:sdxl:checkpoint:civitai:257749@290640", "sampler": "dpmpp_2m"},
    "sdxl, varied": {**SDXL, **VARIANT, "model": SDXL_BASE, "loras": {LORA: 1}},
    "flux1-dev": {**FLUX1, "width": 1216, "height": 832, "loras": {LORA: 0.7}},
    "flux1-dev, varied": {**FLUX1, **VARIANT},
    "flux1-schnell-nf4": SCHNELL,
    "flux1-krea-dev": {**FLUX1, "diffuserModel": "huggingface:black-forest-labs/FLUX.1-Krea-dev"},
    "flux1": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:9@900001", "sampleMethod": "heun"},
    "flux2-dev": {"engine": "flux2", "model": "dev", "operation": "createImage", "loras": [{"air": LORA}]},
    "flux2-dev, edited": {"engine": "comfy", "ecosystem": "flux2Dev", **EDIT, "cfgScale": 3},
    "flux2-klein-4b": {**KLEIN, "steps": 4, "cfgScale": 1},
    "flux2-klein-4b-base": {**KLEIN, **EDIT, "modelVersion": "4b-base", "negativePrompt": "rust"},
    "flux2-klein-9b": {**KLEIN, **EDIT, "steps": 4, "cfgScale": 1, "modelVersion": "9b", "loras": {LORA: 1}},
    "z-image-turbo": {**Z_IMAGE, "model": "turbo", "loras": {LORA: 1}},
    "z-image": {**Z_IMAGE, "model": "base", "negativePrompt": "rust"},
    "qwen-image-2512": {**QWEN, "loras": {LORA: 1}},
    "qwen-image-2512, varied": {**QWEN, **VARIANT},
    "qwen-image-edit-2511": {**QWEN, "operation": "editImage", "images": [PICTURE]},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""

NOT_THERE = {"flux1-dev-nf4", "flux1-schnell", "flux1-krea-dev-q4", "flux2-klein-9b-base"}
"""What the server under test has not installed."""


@pytest.fixture(scope="module")
def invokeai() -> Iterator[InvokeAI]:
    with serving(stand_in := InvokeAI()):
        yield stand_in


@pytest.fixture(scope="module")
def server(invokeai: InvokeAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = '[providers.vendor.files]\n"urn:air:sdxl:checkpoint:civitai:257749@290640" = "key-of-pony"'
    with serving_vendor(tmp_path_factory.mktemp("invokeai"), "invokeai", invokeai, None, files) as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} | NOT_THERE == set(read_catalog("invokeai").names)


def test_every_model_makes_a_picture_of_the_size_that_was_asked_for(server: Server, invokeai: InvokeAI):
    # When each input is run, its graph checked as InvokeAI does
    made = make(server, ORDERS)

    # Then each has a picture of its size
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes["sd1, varied"] == (640, 512)
    assert sizes["flux1-dev"] == (1216, 832)
    assert sizes["qwen-image-edit-2511"] == (1024, 1024)
    assert len(invokeai.started) == len(ORDERS)


def test_what_the_server_cannot_do_is_declined_with_the_reason(server: Server):
    declined = make(
        server,
        {
            "checkpoint": {**SD1, "model": "urn:air:sd1:checkpoint:civitai:1@424242"},
            "lora": {**SDXL, "model": SDXL_BASE, "loras": {"urn:air:sdxl:lora:civitai:2@434343": 1}},
            "variant": {**KLEIN, "modelVersion": "9b-base"},
            "weights": {**SD1, "model": DREAMSHAPER, "prompt": "a (tin:1.2) robot"},
        },
    )
    assert "has no model for urn:air:sd1:checkpoint:civitai:1@424242" in str(declined["checkpoint"])
    assert "[providers.vendor.files] can name one" in str(declined["lora"])
    assert "needs a main model of the variant klein_9b_base" in str(declined["variant"])
    assert "reads '(' in a prompt in a way of its own" in str(declined["weights"])
