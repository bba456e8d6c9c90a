"""DashScope through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.dashscope import DashScope
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

CREATE = {"engine": "qwen", "operation": "createImage"}
EDIT = {"engine": "qwen", "operation": "editImage", "images": [PICTURE, PICTURE]}
FAL = {"engine": "fal", "model": "qwen2", "imageSize": "landscape_16_9"}

ORDERS = {
    "qwen-image-3.0-pro": {**CREATE, "model": "3.0-pro", "width": 1600, "height": 800},
    "qwen-image-2.0-pro": {**EDIT, "model": "2.0-pro"},
    "qwen-image-2.0-pro, as at fal": {**FAL, "operation": "proCreateImage"},
    "qwen-image-2.0": {**CREATE, "negativePrompt": "rust"},
    "qwen-image-2.0, as at fal": {**FAL, "operation": "editImage", "images": [PICTURE]},
    "qwen-image-max": {**CREATE, "model": "max", "width": 1664, "height": 928},
    "qwen-image-plus": {**CREATE, "model": "plus"},
    "qwen-image-edit-max": {**EDIT, "model": "edit-max"},
    "qwen-image-edit-plus": {**EDIT, "promptExtend": False},
    "qwen-image-edit": {**EDIT, "model": "edit"},
    "z-image-turbo": {
        "engine": "sdcpp",
        "ecosystem": "zImage",
        "model": "turbo",
        "operation": "createImage",
        "width": 1280,
        "height": 720,
    },
}
"""Inputs for each model of the catalog, by its id and what else is tried."""


@pytest.fixture(scope="module")
def dashscope() -> Iterator[DashScope]:
    with serving(stand_in := DashScope()):
        yield stand_in


@pytest.fixture(scope="module")
def server(dashscope: DashScope, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("dashscope"), "dashscope", dashscope, "DASHSCOPE_API_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} == set(read_catalog("dashscope").names)


def test_every_model_makes_a_picture(server: Server, dashscope: DashScope):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(asked["model"] for asked in dashscope.started) == sorted(name.partition(",")[0] for name in ORDERS)
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes["z-image-turbo"] == (1280, 720)
    assert sizes["qwen-image-max"] == (1664, 928)
