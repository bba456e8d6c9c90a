"""Replicate through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.replicate import Replicate
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": DEV}
FLUX2 = {"engine": "flux2", "operation": "createImage"}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SDXL = {"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL_BASE}

ORDERS = {
    "black-forest-labs/flux-schnell": {
        **FLUX1,
        "diffuserModel": "urn:air:flux1:checkpoint:civitai:618692@699279",
        "steps": 4,
    },
    "black-forest-labs/flux-dev": FLUX1,
    "black-forest-labs/flux-2-pro": {**FLUX2, "model": "pro", "width": 1344, "height": 768},
    "black-forest-labs/flux-2-max": {**FLUX2, "model": "max", **EDIT},
    "black-forest-labs/flux-2-flex": {**FLUX2, "model": "flex"},
    "black-forest-labs/flux-2-klein-4b": {**FLUX2, "model": "klein"},
    "black-forest-labs/flux-kontext-pro": {"engine": "flux1-kontext", "model": "pro", "aspectRatio": "16:9"},
    "black-forest-labs/flux-kontext-max": {"engine": "flux1-kontext", "model": "max", "images": [PICTURE]},
    "stability-ai/sdxl": {**SDXL, "negativePrompt": "rust"},
    "stability-ai/sdxl, varied": {**SDXL, "operation": "createVariant", "image": PICTURE},
    "prunaai/z-image-turbo": {
        "engine": "sdcpp",
        "ecosystem": "zImage",
        "model": "turbo",
        "operation": "createImage",
        "width": 1280,
        "height": 720,
    },
    "prunaai/z-image": {
        "engine": "sdcpp",
        "ecosystem": "zImage",
        "model": "base",
        "operation": "createImage",
        "negativePrompt": "rust",
    },
    "bytedance/seedream-3": {"engine": "seedream", "version": "v3"},
    "bytedance/seedream-4": {"engine": "seedream", "version": "v4", "images": [PICTURE, PICTURE]},
    "bytedance/seedream-4.5": {"engine": "seedream", "version": "v4.5", "width": 2048, "height": 2048},
    "xai/grok-imagine-image": {"engine": "grok", "operation": "createImage", "aspectRatio": "20:9"},
    "xai/grok-imagine-image, edited": {"engine": "grok", "operation": "editImage", "images": [PICTURE]},
    "qwen/qwen-image-2512": {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage"},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""


@pytest.fixture(scope="module")
def replicate() -> Iterator[Replicate]:
    with serving(stand_in := Replicate()):
        yield stand_in


@pytest.fixture(scope="module")
def server(replicate: Replicate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("replicate"), "replicate", replicate, "REPLICATE_API_TOKEN") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} == set(read_catalog("replicate").names)


def test_every_model_makes_a_picture(server: Server, replicate: Replicate):
    # When each input is run
    made = make(server, ORDERS)

    # Then each has a picture, and was made by the model that is meant for it
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    catalog = read_catalog("replicate")
    ids = dict(zip(catalog.names, (model.id.rpartition(":")[2] for model in catalog.models), strict=True))
    wanted = [ids[name.partition(",")[0]] for name in ORDERS]
    assert sorted(prediction.model for prediction in replicate.started) == sorted(wanted)
    turbo = made["prunaai/z-image-turbo"]
    assert isinstance(turbo, Image.Image)
    assert turbo.size == (1280, 720)
