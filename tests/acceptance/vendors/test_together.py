"""Together AI through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.server import serving
from tests.standins.together import Together

from palio.providers.catalog.reading import read_catalog

SCHNELL = "urn:air:flux1:checkpoint:civitai:618692@699279"
KREA = "huggingface:black-forest-labs/FLUX.1-Krea-dev"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage"}
FLUX2 = {"engine": "flux2", "operation": "createImage"}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
QWEN2 = {"engine": "fal", "model": "qwen2"}

ORDERS = {
    "black-forest-labs/FLUX.1-schnell": {**FLUX1, "diffuserModel": SCHNELL, "steps": 4},
    "black-forest-labs/FLUX.1-krea-dev": {**FLUX1, "diffuserModel": KREA, "width": 1104, "height": 848},
    "black-forest-labs/FLUX.1-kontext-pro": {"engine": "flux1-kontext", "model": "pro", "aspectRatio": "16:9"},
    "black-forest-labs/FLUX.1-kontext-max": {"engine": "flux1-kontext", "model": "max", "images": [PICTURE]},
    "black-forest-labs/FLUX.2-dev": {**FLUX2, "model": "dev", **EDIT},
    "black-forest-labs/FLUX.2-flex": {**FLUX2, "model": "flex"},
    "black-forest-labs/FLUX.2-pro": {**FLUX2, "model": "pro", "width": 1344, "height": 768},
    "black-forest-labs/FLUX.2-max": {**FLUX2, "model": "max", **EDIT},
    "stabilityai/stable-diffusion-xl-base-1.0": {
        **{"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage"},
        **{"model": SDXL_BASE, "negativePrompt": "rust"},
    },
    "Qwen/Qwen-Image-2.0": {**QWEN2, "operation": "createImage", "negativePrompt": "rust"},
    "Qwen/Qwen-Image-2.0-Pro": {**QWEN2, "operation": "proCreateImage"},
    "ByteDance-Seed/Seedream-3.0": {"engine": "seedream", "version": "v3"},
    "ByteDance-Seed/Seedream-4.0": {"engine": "seedream", "version": "v4"},
}
"""An input for each model of the catalog, by its id."""


@pytest.fixture(scope="module")
def together() -> Iterator[Together]:
    with serving(stand_in := Together()):
        yield stand_in


@pytest.fixture(scope="module")
def server(together: Together, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("together"), "together", together, "TOGETHER_API_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert set(ORDERS) == set(read_catalog("together").names)


def test_every_model_makes_a_picture(server: Server, together: Together):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(generation.model for generation in together.started) == sorted(ORDERS)
    wide = made["black-forest-labs/FLUX.2-pro"]
    assert isinstance(wide, Image.Image)
    assert wide.size == (1344, 768)
