"""Hugging Face through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.huggingface import HuggingFace
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage"}
DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
SCHNELL = "urn:air:flux1:checkpoint:civitai:618692@699279"
KLEIN = {"engine": "flux2", "model": "klein", "operation": "createImage", "steps": 4, "cfgScale": 1}
Z_IMAGE = {"engine": "sdcpp", "ecosystem": "zImage", "operation": "createImage"}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SD15 = "urn:air:sd1:checkpoint:huggingface:stable-diffusion-v1-5/stable-diffusion-v1-5"

ORDERS = {
    "fal-ai/fal-ai/flux/schnell": {**FLUX1, "diffuserModel": SCHNELL, "steps": 4},
    "fal-ai/fal-ai/flux/dev": {**FLUX1, "diffuserModel": DEV},
    "fal-ai/fal-ai/flux/krea": {**FLUX1, "diffuserModel": "huggingface:black-forest-labs/FLUX.1-Krea-dev"},
    # Of two that can do a job the one whose price is known is taken.
    "hf-inference/black-forest-labs/FLUX.1-schnell": {**FLUX1, "diffuserModel": SCHNELL, "steps": 20},
    "together/black-forest-labs/FLUX.2-dev": {
        **{"engine": "flux2", "model": "dev"},
        **{"operation": "editImage", "images": [PICTURE, PICTURE]},
    },
    "fal-ai/fal-ai/flux-2/klein/4b": KLEIN,
    "fal-ai/fal-ai/flux-2/klein/9b": {**KLEIN, "modelVersion": "9b"},
    "hf-inference/stabilityai/stable-diffusion-xl-base-1.0": {
        **{"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage"},
        **{"model": SDXL_BASE, "negativePrompt": "rust"},
    },
    "hf-inference/stable-diffusion-v1-5/stable-diffusion-v1-5": {
        **{"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage"},
        **{"model": SD15, "clipSkip": 1},
    },
    "fal-ai/fal-ai/z-image/turbo": {**Z_IMAGE, "model": "turbo"},
    "fal-ai/fal-ai/z-image/base": {**Z_IMAGE, "model": "base", "negativePrompt": "rust"},
    "fal-ai/fal-ai/qwen-image-2512": {
        **{"engine": "sdcpp", "ecosystem": "qwen", "model": "20b"},
        **{"operation": "createImage", "negativePrompt": "rust"},
    },
}
"""An input for each model of the catalog that another one does not do for less, by its id."""

DEARER = {"hf-inference/black-forest-labs/FLUX.1-dev"}
"""What it costs is not known, and another can do the same."""


@pytest.fixture(scope="module")
def huggingface() -> Iterator[HuggingFace]:
    with serving(stand_in := HuggingFace()):
        yield stand_in


@pytest.fixture(scope="module")
def server(huggingface: HuggingFace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("hf"), "huggingface", huggingface, "HF_TOKEN") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert set(ORDERS) | DEARER == set(read_catalog("huggingface").names)


def test_every_model_makes_a_picture(server: Server, huggingface: HuggingFace):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    asked = [generation.model for generation in huggingface.started]
    assert sorted(asked) == sorted(name.removeprefix("together/") for name in ORDERS)
