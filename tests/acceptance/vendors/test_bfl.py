"""Black Forest Labs through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.bfl import BlackForestLabs
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
FLUX2 = {"engine": "flux2", "operation": "createImage"}
KLEIN = {**FLUX2, "model": "klein", "steps": 4, "cfgScale": 1}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}

ORDERS = {
    "flux-dev": {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": DEV},
    "flux-kontext-pro": {"engine": "flux1-kontext", "model": "pro", "aspectRatio": "16:9"},
    "flux-kontext-max": {"engine": "flux1-kontext", "model": "max", "images": [PICTURE, PICTURE]},
    "flux-2-pro": {**FLUX2, "model": "pro", "width": 1344, "height": 768},
    "flux-2-max": {**FLUX2, "model": "max", **EDIT},
    "flux-2-flex": {**FLUX2, "model": "flex"},
    "flux-2-klein-4b": KLEIN,
    "flux-2-klein-9b": {**FLUX2, "model": "klein", **EDIT, "modelVersion": "9b"},
}
"""An input for each model of the catalog, by its id."""


@pytest.fixture(scope="module")
def bfl() -> Iterator[BlackForestLabs]:
    with serving(stand_in := BlackForestLabs()):
        yield stand_in


@pytest.fixture(scope="module")
def server(bfl: BlackForestLabs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("bfl"), "bfl", bfl, "BFL_API_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert set(ORDERS) == set(read_catalog("bfl").names)


def test_every_model_makes_a_picture(server: Server, bfl: BlackForestLabs):
    made = make(server, ORDERS)
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(task.model for task in bfl.started) == sorted(ORDERS)


def test_what_a_job_cost_is_on_record_in_dollars(server: Server):
    with server.client() as client:
        step = {"$type": "imageGen", "input": {"prompt": "a tin robot", **FLUX2, "model": "pro"}}
        reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 60})
    assert reply.json()["steps"][0]["jobs"][0]["attempts"][0]["cost"] == pytest.approx(0.03)
