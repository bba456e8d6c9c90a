"""xAI through a real `palio serve`: what its catalog has, from an imageGen input to a picture."""

from pathlib import Path

import pytest
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.standins.server import serving
from tests.standins.xai import Xai

from palio.providers.catalog.reading import read_catalog

GROK = {"engine": "grok"}
EDIT = {**GROK, "operation": "editImage"}

ORDERS = {
    "grok-imagine-image": {**GROK, "operation": "createImage", "aspectRatio": "19.5:9"},
    "grok-imagine-image, edited": {**EDIT, "images": [PICTURE]},
    "grok-imagine-image, of several": {**EDIT, "images": [PICTURE, PICTURE, PICTURE]},
}
"""Inputs for each model of the catalog, by its id and what else is tried."""


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} == set(read_catalog("xai").names)


def test_every_model_makes_a_picture_and_says_what_it_cost(tmp_path: Path):
    with serving(xai := Xai()), serving_vendor(tmp_path, "xai", xai, "XAI_API_KEY") as server:
        made = make(server, ORDERS)
        with server.client() as client:
            step = {"$type": "imageGen", "input": {"prompt": "a tin robot", **ORDERS["grok-imagine-image"]}}
            reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 60})

    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(call.path for call in xai.called("submit")) == [
        *["/images/edits"] * 2,
        *["/images/generations"] * 2,
    ]
    assert reply.json()["steps"][0]["jobs"][0]["attempts"][0]["cost"] == pytest.approx(0.02)
