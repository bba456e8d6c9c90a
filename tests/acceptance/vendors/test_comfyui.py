"""ComfyUI through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.own_servers import (
    DEV,
    DREAMSHAPER,
    EDIT,
    KLEIN,
    OF_COMFYUI,
    SD1,
    SDXL,
    SDXL_BASE,
    VARIANT,
)
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.comfyui import ComfyUI
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

POSE = {"preprocessor": "openpose", "weight": 0.8, "startStep": 0, "endStep": 0.6, "image": PICTURE}
EDGES = {"preprocessor": "canny", "weight": 1, "startStep": 0.1, "endStep": 1, "image": PICTURE}
COMFY_SD1 = {"engine": "comfy", "ecosystem": "sd1", "operation": "createImage", "model": DREAMSHAPER}

ORDERS = {
    **OF_COMFYUI,
    "sd1, led": {**COMFY_SD1, "controlNets": [POSE, EDGES]},
    "sd1, led and varied": {**COMFY_SD1, **VARIANT, "width": 640, "height": 512, "controlNets": [EDGES]},
    "sdxl, led": {**SDXL, "model": SDXL_BASE, "controlNets": [{**POSE, "preprocessor": "depthAnythingV2"}]},
    "flux1-dev, led": {
        "engine": "comfy",
        "ecosystem": "flux1",
        "operation": "createImage",
        "model": DEV,
        "controlNets": [EDGES],
    },
    "flux2-klein-9b": {**KLEIN, **EDIT, "modelVersion": "9b"},
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
