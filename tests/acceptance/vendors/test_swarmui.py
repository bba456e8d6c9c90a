"""SwarmUI through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.own_servers import (
    EDIT,
    KLEIN,
    OF_COMFYUI,
    SD1,
    SDXL,
    SDXL_BASE,
)
from tests.acceptance.vendors.serving import make, serving_vendor
from tests.conftest import Server
from tests.standins.server import serving
from tests.standins.swarmui import SwarmUI

from palio.providers.catalog.reading import read_catalog

ORDERS = {**OF_COMFYUI, "flux2-klein-9b": {**KLEIN, **EDIT, "steps": 4, "cfgScale": 1, "modelVersion": "9b"}}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""

NOT_THERE = {"flux1-dev-fp8", "flux1-schnell"}
"""What the server under test has not installed; others do what these would."""


@pytest.fixture(scope="module")
def swarmui() -> Iterator[SwarmUI]:
    with serving(stand_in := SwarmUI()):
        yield stand_in


@pytest.fixture(scope="module")
def server(swarmui: SwarmUI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = '[providers.vendor.files]\n"urn:air:sdxl:checkpoint:civitai:257749@290640" = "pony.safetensors"'
    with serving_vendor(tmp_path_factory.mktemp("swarmui"), "swarmui", swarmui, None, files) as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} | NOT_THERE == set(read_catalog("swarmui").names)


def test_every_model_makes_a_picture_of_the_size_that_was_asked_for(server: Server, swarmui: SwarmUI):
    # When each input is run, what it is told checked as SwarmUI does
    made = make(server, ORDERS)

    # Then each has a picture of its size
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes["sd1, varied"] == (640, 512)
    assert sizes["flux1-dev"] == (1216, 832)
    assert sizes["qwen-image-edit-2511"] == (1024, 1024)
    assert len(swarmui.started) == len(ORDERS)
    assert not swarmui.passed_over


def test_what_is_not_installed_is_declined_by_name(server: Server, swarmui: SwarmUI):
    declined = make(
        server,
        {
            "checkpoint": {**SD1, "model": "urn:air:sd1:checkpoint:civitai:1@424242"},
            "lora": {**SDXL, "model": SDXL_BASE, "loras": {"urn:air:sdxl:lora:civitai:2@434343": 1}},
        },
    )
    assert "has no file for urn:air:sd1:checkpoint:civitai:1@424242" in str(declined["checkpoint"])
    assert "[providers.vendor.files] can name one" in str(declined["lora"])
