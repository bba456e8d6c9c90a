"""OpenAI, and a server that answers as it does, through a real `palio serve`: from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.openai import OpenAI
from tests.standins.openai_compatible import OpenAICompatible
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage"}
FLUX2 = {"engine": "flux2", "operation": "createImage"}
KLEIN = {**FLUX2, "model": "klein", "steps": 4, "cfgScale": 1}
Z_IMAGE = {"engine": "sdcpp", "ecosystem": "zImage", "operation": "createImage"}
QWEN = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage"}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
BFL = "black-forest-labs"

ORDERS = {
    f"{BFL}/FLUX.1-dev": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:618692@691639"},
    f"{BFL}/FLUX.1-schnell": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:618692@699279"},
    f"{BFL}/FLUX.1-Krea-dev": {**FLUX1, "diffuserModel": f"huggingface:{BFL}/FLUX.1-Krea-dev"},
    f"{BFL}/FLUX.1-Kontext-dev": {"engine": "flux1-kontext", "model": "dev", "images": [PICTURE]},
    f"{BFL}/FLUX.2-dev": {**FLUX2, "model": "dev", "width": 1344, "height": 768},
    f"{BFL}/FLUX.2-klein-4B": KLEIN,
    f"{BFL}/FLUX.2-klein-9B": {**KLEIN, **EDIT, "modelVersion": "9b"},
    "stabilityai/stable-diffusion-xl-base-1.0": {
        **{"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage"},
        **{"model": SDXL_BASE, "negativePrompt": "rust"},
    },
    "Tongyi-MAI/Z-Image-Turbo": {**Z_IMAGE, "model": "turbo"},
    "Tongyi-MAI/Z-Image": {**Z_IMAGE, "model": "base", "negativePrompt": "rust"},
    "Qwen/Qwen-Image-2512": {**QWEN, "negativePrompt": "rust"},
    "Qwen/Qwen-Image-Edit-2511": {**QWEN, **EDIT},
    "Qwen/Qwen-Image-Edit-2509": {**QWEN, **EDIT, "version": "2509"},
}
"""An input for each model that servers of one's own are known to serve, by its id."""

SERVES = """
[providers.vendor.models.gpt-image-2]
family = "flux2"
members = ["max"]
"""


@pytest.fixture(scope="module")
def own() -> Iterator[OpenAICompatible]:
    with serving(stand_in := OpenAICompatible(*ORDERS)):
        yield stand_in


@pytest.fixture(scope="module")
def server(own: OpenAICompatible, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("own"), "openai-compatible", own, None) as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert set(ORDERS) == set(read_catalog("openai-compatible").names)


def test_every_model_of_a_server_of_ones_own_makes_a_picture(server: Server, own: OpenAICompatible):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(generation.model for generation in own.started) == sorted(ORDERS)
    wide = made[f"{BFL}/FLUX.2-dev"]
    assert isinstance(wide, Image.Image)
    assert wide.size == (1344, 768)


def test_a_model_of_openai_serves_the_families_that_the_operator_says(tmp_path_factory: pytest.TempPathFactory):
    data = tmp_path_factory.mktemp("openai")
    top = {**FLUX2, "model": "max", "width": 1024, "height": 1024}
    with serving(openai := OpenAI()), serving_vendor(data, "openai", openai, "OPENAI_API_KEY", SERVES) as server:
        made = make(server, {"made": top, "edited": {**top, **EDIT}})
        with server.client() as client:
            step = {"$type": "imageGen", "input": {"prompt": "a tin robot", **top}}
            reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 60})
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert reply.json()["steps"][0]["jobs"][0]["attempts"][0]["cost"] == pytest.approx(0.03085)
