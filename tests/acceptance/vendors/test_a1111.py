"""Forge through a real `palio serve`: every model of the catalog of servers with AUTOMATIC1111's API, to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.a1111 import A1111
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

LORA = "urn:air:flux1:lora:civitai:180891@776656"
DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": DEV}
SCHNELL = {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:618692@699279", "steps": 4}
COMFY_FLUX1 = {"engine": "comfy", "ecosystem": "flux1", "operation": "createImage", "model": DEV}
SDXL = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage"}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SD1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage"}
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
VARIANT = {"operation": "createVariant", "image": PICTURE}

ORDERS = {
    "sd1": {**SD1, "model": DREAMSHAPER, "loras": {LORA: 0.7}, "negativePrompt": "rust", "clipSkip": 1},
    "sd1, varied": {**SD1, **VARIANT, "model": DREAMSHAPER, "width": 640, "height": 512, "strength": 0.4},
    "sdxl": {
        **{**SDXL, "model": "urn:air:sdxl:checkpoint:civitai:257749@290640"},
        **{"sampler": "dpmpp_2m", "scheduler": "karras"},
    },
    "sd_xl_base_1.0": {**SDXL, "model": SDXL_BASE, "vaeModel": "urn:air:sdxl:vae:civitai:1@840000"},
    "sd_xl_base_1.0, varied": {**SDXL, **VARIANT, "model": SDXL_BASE, "loras": {LORA: 1}},
    "flux1-dev-fp8": {**FLUX1, "width": 1216, "height": 832, "loras": {LORA: 0.7}},
    "flux1-dev-fp8, by comfy": {**COMFY_FLUX1, "sampler": "euler_ancestral", "scheduler": "beta"},
    "flux1-dev-fp8, varied": {**FLUX1, **VARIANT},
    "flux1-schnell": SCHNELL,
    "flux1": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:9@900001"},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""

NOT_THERE = {"flux1-dev", "flux1-dev-bnb-nf4-v2", "flux1-schnell-fp8"}
"""What the server under test has not installed; others do what these would."""


@pytest.fixture(scope="module")
def forge() -> Iterator[A1111]:
    with serving(stand_in := A1111(flavour="forge", running=1)):
        yield stand_in


@pytest.fixture(scope="module")
def server(forge: A1111, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = '[providers.vendor.files]\n"urn:air:sdxl:checkpoint:civitai:257749@290640" = "pony.safetensors"'
    with serving_vendor(tmp_path_factory.mktemp("a1111"), "a1111", forge, None, files) as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} | NOT_THERE == set(read_catalog("a1111").names)


def test_every_model_makes_a_picture_of_the_size_that_was_asked_for(server: Server, forge: A1111):
    before = len(forge.started)
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes["sd1, varied"] == (640, 512)
    assert sizes["flux1-dev-fp8"] == (1216, 832)
    assert len(forge.started) - before == len(ORDERS)


def test_what_is_not_installed_or_cannot_be_said_is_declined_by_name(server: Server):
    declined = make(
        server,
        {
            "checkpoint": {**SD1, "model": "urn:air:sd1:checkpoint:civitai:1@424242"},
            "prompt": {**SD1, "model": DREAMSHAPER, "prompt": "a robot <lora:rust:1>"},
        },
    )
    assert "has no file for urn:air:sd1:checkpoint:civitai:1@424242" in str(declined["checkpoint"])
    assert "would read <name:...> as the name of a file" in str(declined["prompt"])


def test_a_canceled_workflow_frees_the_server(server: Server, forge: A1111):
    # Given a picture under way that takes long
    before, forge.running = len(forge.started), 10_000
    step = {"$type": "imageGen", "input": {**SD1, "model": DREAMSHAPER, "prompt": "a tin robot"}}
    with server.client() as client:
        workflow = client.post("/v2/consumer/workflows", json={"steps": [step]}).json()
        forge.wait_until(lambda: forge.current)

        # When its workflow is canceled
        client.put(f"/v2/consumer/workflows/{workflow['id']}", json={"status": "canceled"}).raise_for_status()

        # Then the server is told to stop that picture, and is free
        forge.wait_until(lambda: forge.stopped)
        forge.wait_until(lambda: not forge.current)
    forge.running = 1
    assert forge.stopped == [forge.started[before].task]
