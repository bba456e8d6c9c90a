"""Ark through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.ark import Ark
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

SEEDREAM = {"engine": "seedream"}

ORDERS = {
    "seedream-3-0-t2i-250415": {**SEEDREAM, "version": "v3", "guidanceScale": 4, "seed": 7, "width": 1280},
    "seedream-4-0-250828": {**SEEDREAM, "version": "v4", "images": [PICTURE, PICTURE]},
    "seedream-4-5-251128": {**SEEDREAM, "version": "v4.5", "width": 2560, "height": 1440},
    "seedream-5-0-lite-260128": {**SEEDREAM, "version": "v5.0-lite", "outputFormat": "png"},
    "dola-seedream-5-0-pro-260628": {**SEEDREAM, "version": "v5.0-pro", "width": 2048, "height": 2048},
    "dola-seedream-5-0-pro-260628, small": {**SEEDREAM, "version": "v5.0-pro", "images": [PICTURE]},
}
"""An input for each model of the catalog, by the catalog's name of it."""


@pytest.fixture(scope="module")
def ark() -> Iterator[Ark]:
    with serving(stand_in := Ark()):
        yield stand_in


@pytest.fixture(scope="module")
def server(ark: Ark, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("ark"), "ark", ark, "ARK_API_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert set(ORDERS) == set(read_catalog("ark").names)


def test_every_model_makes_a_picture(server: Server, ark: Ark):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(asked["model"] for asked in ark.started) == sorted(name.partition(",")[0] for name in ORDERS)
    wide = made["seedream-4-5-251128"]
    assert isinstance(wide, Image.Image)
    assert wide.size == (2560, 1440)
