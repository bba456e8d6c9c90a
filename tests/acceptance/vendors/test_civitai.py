"""Civitai through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.civitai import Civitai, Ending
from tests.standins.server import Drops, serving

from palio.providers.catalog.reading import read_catalog

FLUX1 = "urn:air:flux1:checkpoint:civitai:618692@691639"
SDXL = "urn:air:sdxl:checkpoint:civitai:257749@290640"
SD1 = "urn:air:sd1:checkpoint:civitai:4384@128713"
LORA = "urn:air:flux1:lora:civitai:180891@776656"
CREATE = {"operation": "createImage"}
EDIT = {"operation": "editImage", "images": [PICTURE]}
VARY = {"operation": "createVariant", "image": PICTURE}
SDCPP, COMFY = {"engine": "sdcpp"}, {"engine": "comfy"}
NET = {"preprocessor": "canny", "weight": 1, "startStep": 0, "endStep": 1, "image": PICTURE}

ORDERS = {
    "sdcpp/flux1": {**SDCPP, "ecosystem": "flux1", "diffuserModel": FLUX1, **CREATE, "loras": {LORA: 0.8}},
    "sdcpp/flux1, edited": {**SDCPP, "ecosystem": "flux1", "diffuserModel": FLUX1, **EDIT},
    "comfy/flux1": {**COMFY, "ecosystem": "flux1", "model": FLUX1, **VARY, "denoiseStrength": 0.4},
    "flux1-kontext/dev": {"engine": "flux1-kontext", "model": "dev", "images": [PICTURE]},
    "flux1-kontext/pro": {"engine": "flux1-kontext", "model": "pro", "aspectRatio": "16:9"},
    "flux1-kontext/max": {"engine": "flux1-kontext", "model": "max", "images": [PICTURE, PICTURE]},
    "flux2/klein": {"engine": "flux2", "model": "klein", **CREATE},
    "flux2/dev": {"engine": "flux2", "model": "dev", **CREATE, "loras": [{"air": LORA, "strength": 0.5}]},
    "flux2/flex": {"engine": "flux2", "model": "flex", **EDIT},
    "flux2/pro": {"engine": "flux2", "model": "pro", **CREATE, "width": 1344, "height": 768},
    "flux2/max": {"engine": "flux2", "model": "max", **EDIT},
    "sdcpp/flux2Klein": {**SDCPP, "ecosystem": "flux2Klein", **CREATE, "modelVersion": "9b-base"},
    "sdcpp/flux2Dev": {**SDCPP, "ecosystem": "flux2Dev", **VARY},
    "comfy/flux2Dev": {**COMFY, "ecosystem": "flux2Dev", **EDIT},
    "sdcpp/sdxl": {**SDCPP, "ecosystem": "sdxl", "model": SDXL, **CREATE, "negativePrompt": "rust"},
    "comfy/sdxl": {**COMFY, "ecosystem": "sdxl", "model": SDXL, **CREATE, "controlNets": [NET]},
    "sdcpp/sd1": {**SDCPP, "ecosystem": "sd1", "model": SD1, **CREATE, "clipSkip": 1},
    "comfy/sd1": {**COMFY, "ecosystem": "sd1", "model": SD1, **VARY, "sampler": "dpmpp_2m", "scheduler": "karras"},
    "sdcpp/zImage/turbo": {**SDCPP, "ecosystem": "zImage", "model": "turbo", **CREATE},
    "sdcpp/zImage/base": {**SDCPP, "ecosystem": "zImage", "model": "base", **CREATE},
    "sdcpp/qwen": {**SDCPP, "ecosystem": "qwen", "model": "20b", **EDIT, "version": "2511"},
    "qwen": {"engine": "qwen", "model": "2.0", **CREATE},
    "qwen, edited": {"engine": "qwen", "model": "edit", **EDIT},
    "fal/qwen2": {"engine": "fal", "model": "qwen2", "operation": "proEditImage", "images": [PICTURE]},
    "seedream": {"engine": "seedream", "version": "v4.5", "width": 2048, "height": 2048},
    "grok": {"engine": "grok", **EDIT},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""


@pytest.fixture(scope="module")
def civitai() -> Iterator[Civitai]:
    with serving(stand_in := Civitai()):
        yield stand_in


@pytest.fixture(scope="module")
def server(civitai: Civitai, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("civitai"), "civitai", civitai, "CIVITAI_API_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert {name.partition(",")[0] for name in ORDERS} == set(read_catalog("civitai").names)


def test_every_model_makes_a_picture(server: Server, civitai: Civitai):
    # When each input is run
    made = make(server, ORDERS)

    # Then each has a picture, and its own workflow at the vendor
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert len(civitai.started) == len(ORDERS)
    wide = made["flux2/pro"]
    assert isinstance(wide, Image.Image)
    assert wide.size == (1344, 768)

    # And what the vendor was sent is what was asked for
    sent = [workflow.template["steps"][0]["input"] for workflow in civitai.started]
    asked = [
        {name: value for name, value in order.items() if name not in ("image", "images", "controlNets")}
        for order in ORDERS.values()
    ]
    for order in asked:
        assert any(order.items() <= input_.items() for input_ in sent), order


def test_what_is_blocked_and_how_mature_a_picture_is_are_passed_on(server: Server, civitai: Civitai):
    # Given a vendor that finds one picture mature and blocks another
    step = {"$type": "imageGen", "input": {"engine": "seedream", "prompt": "a kite"}}
    shown = []
    for ending in (Ending(image={"nsfwLevel": "r"}), Ending("failed", {"blockedReason": "a real person"}, None)):
        civitai.ending = ending
        with server.client() as client:
            reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 60})
        shown.append(reply.json()["steps"][0])

    # Then the owner is told both, and what the picture cost
    mature, blocked = shown
    assert mature["output"]["images"][0]["nsfwLevel"] == "r"
    assert mature["jobs"][0]["attempts"][0]["cost"] == pytest.approx(0.06)
    assert blocked["jobs"][0]["reason"] == "blocked"
    assert "a real person" in blocked["jobs"][0]["blockedReason"]


def test_a_run_whose_answer_is_lost_is_found_and_paid_once(server: Server, civitai: Civitai):
    # Given a vendor that takes a job, and whose answer does not arrive
    civitai.ending = Ending()
    before = len(civitai.started)
    civitai.order("submit", Drops)

    # When the job is run
    made = make(server, {"lost": {"engine": "seedream"}})

    # Then its picture comes, from the run that was begun
    assert isinstance(made["lost"], Image.Image), made
    assert len(civitai.started) == before + 1
