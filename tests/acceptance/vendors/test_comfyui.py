"""ComfyUI through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.comfyui import ComfyUI
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

LORA = "urn:air:flux1:lora:civitai:180891@776656"
DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": DEV}
SCHNELL = {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:618692@699279", "steps": 4}
KLEIN = {"engine": "flux2", "model": "klein", "operation": "createImage"}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}
SDXL = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage"}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SD1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage"}
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
Z_IMAGE = {"engine": "sdcpp", "ecosystem": "zImage", "operation": "createImage"}
QWEN = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage"}
VARIANT = {"operation": "createVariant", "image": PICTURE}
POSE = {"preprocessor": "openpose", "weight": 0.8, "startStep": 0, "endStep": 0.6, "image": PICTURE}
EDGES = {"preprocessor": "canny", "weight": 1, "startStep": 0.1, "endStep": 1, "image": PICTURE}
COMFY_SD1 = {"engine": "comfy", "ecosystem": "sd1", "operation": "createImage", "model": DREAMSHAPER}

ORDERS = {
    "sd1": {**SD1, "model": DREAMSHAPER, "loras": {LORA: 0.7}, "negativePrompt": "rust"},
    "sd1, varied": {**SD1, **VARIANT, "model": DREAMSHAPER, "width": 640, "height": 512, "strength": 0.4},
    "sd1, led": {**COMFY_SD1, "controlNets": [POSE, EDGES]},
    "sd1, led and varied": {**COMFY_SD1, **VARIANT, "width": 640, "height": 512, "controlNets": [EDGES]},
    "sdxl, led": {**SDXL, "model": SDXL_BASE, "controlNets": [{**POSE, "preprocessor": "depthAnythingV2"}]},
    "sdxl": {**SDXL, "model": "urn:air:sdxl:checkpoint:civitai:257749@290640", "sampler": "dpmpp_2m"},
    "sd_xl_base_1.0": {**SDXL, "model": SDXL_BASE, "vaeModel": "urn:air:sdxl:vae:civitai:1@840000"},
    "sd_xl_base_1.0, varied": {**SDXL, **VARIANT, "model": SDXL_BASE, "loras": {LORA: 1}},
    "flux1-dev": {**FLUX1, "width": 1216, "height": 832, "loras": {LORA: 0.7}},
    "flux1-dev, varied": {**FLUX1, **VARIANT},
    "flux1-dev, led": {
        "engine": "comfy",
        "ecosystem": "flux1",
        "operation": "createImage",
        "model": DEV,
        "controlNets": [EDGES],
    },
    "flux1-schnell-fp8": SCHNELL,
    "flux1-krea-dev": {**FLUX1, "diffuserModel": "huggingface:black-forest-labs/FLUX.1-Krea-dev"},
    "flux1": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:9@900001"},
    "flux2-dev": {"engine": "flux2", "model": "dev", "operation": "createImage", "loras": [{"air": LORA}]},
    "flux2-dev, edited": {"engine": "comfy", "ecosystem": "flux2Dev", **EDIT, "cfgScale": 3},
    "flux2-klein-4b": {**KLEIN, "steps": 4, "cfgScale": 1},
    "flux2-klein-4b-base": {**KLEIN, **EDIT, "modelVersion": "4b-base", "negativePrompt": "rust"},
    "flux2-klein-9b": {**KLEIN, **EDIT, "modelVersion": "9b"},
    "flux2-klein-9b-base": {**KLEIN, "modelVersion": "9b-base", "loras": {LORA: 1}},
    "z-image-turbo": {**Z_IMAGE, "model": "turbo", "loras": {LORA: 1}},
    "z-image": {**Z_IMAGE, "model": "base", "negativePrompt": "rust"},
    "qwen-image-2512": QWEN,
    "qwen-image-2512, varied": {**QWEN, **VARIANT},
    "qwen-image-edit-2511": {**QWEN, **EDIT},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""

NOT_THERE = {"flux1-dev-fp8", "flux1-schnell"}
"""What the server under test has not installed; others do what these would."""


@pytest.fixture(scope="module")
def comfyui() -> Iterator[ComfyUI]:
    with serving(stand_in := ComfyUI()):
        yield stand_in


@pytest.fixture(scope="module")
def server(comfyui: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = '[providers.vendor.files]\n"urn:air:sdxl:checkpoint:civitai:257749@290640" = "pony.safetensors"'
    with serving_vendor(tmp_path_factory.mktemp("comfyui"), "comfyui", comfyui, None, files) as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} | NOT_THERE == set(read_catalog("comfyui").names)


def test_every_model_makes_a_picture_of_the_size_that_was_asked_for(server: Server, comfyui: ComfyUI):
    # When each input is run, its graph checked as ComfyUI does
    made = make(server, ORDERS)

    # Then each has a picture of its size
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes["sd1, varied"] == (640, 512)
    assert sizes["flux1-dev"] == (1216, 832)
    assert sizes["qwen-image-edit-2511"] == (1024, 1024)
    assert sizes["sd1, led and varied"] == (640, 512)
    assert len(comfyui.started) == len(ORDERS)


def test_what_is_not_installed_is_declined_by_name(server: Server, comfyui: ComfyUI):
    declined = make(
        server,
        {
            "checkpoint": {**SD1, "model": "urn:air:sd1:checkpoint:civitai:1@424242"},
            "lora": {**SDXL, "model": SDXL_BASE, "loras": {"urn:air:sdxl:lora:civitai:2@434343": 1}},
        },
    )
    assert "has no file for urn:air:sd1:checkpoint:civitai:1@424242" in str(declined["checkpoint"])
    assert "[providers.vendor.files] can name one" in str(declined["lora"])
