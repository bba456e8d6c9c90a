"""Google through a real `palio serve`: no job names its models yet, and a table gives them jobs that name others."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.google import Google
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

TABLES = """
[providers.vendor.models."gemini-3.1-flash-image"]
family = "grok"
members = ["grok"]

[providers.vendor.models."gemini-3-pro-image"]
family = "flux2"
members = ["max"]

[providers.vendor.models."gemini-3.1-flash-lite-image"]
family = "flux2"
members = ["pro"]

[providers.vendor.models."gemini-2.5-flash-image"]
family = "flux1-kontext"
members = ["pro"]
ignores = ["guidance"]
"""
ORDERS = {
    "gemini-3.1-flash-image": {"engine": "grok", "operation": "createImage", "aspectRatio": "16:9"},
    "gemini-3-pro-image": {"engine": "flux2", "model": "max", "operation": "editImage", "images": [PICTURE, PICTURE]},
    "gemini-3.1-flash-lite-image": {"engine": "flux2", "model": "pro", "operation": "createImage"},
    "gemini-2.5-flash-image": {"engine": "flux1-kontext", "model": "pro", "aspectRatio": "3:4", "images": [PICTURE]},
}
"""An input for each model of the catalog, by its id."""


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with serving(stand_in := Google()):
        yield stand_in


@pytest.fixture(scope="module")
def server(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("google"), "google", google, "GEMINI_API_KEY", TABLES) as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert set(ORDERS) == set(read_catalog("google").names)


def test_every_model_makes_a_picture(server: Server, google: Google):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert all(isinstance(picture, Image.Image) for picture in made.values())
    assert sorted(asked["model"] for asked in google.started) == sorted(ORDERS)
