"""Runware through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.runware import CHECKPOINT, INPUTS, Runware
from tests.standins.server import Drops, serving

from palio.providers.catalog.reading import read_catalog

LORA = "urn:air:sdxl:lora:civitai:180891@776656"
SCHNELL = "urn:air:flux1:checkpoint:civitai:618692@699279"
DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": DEV}
KONTEXT = {"engine": "flux1-kontext"}
FLUX2 = {"engine": "flux2", "operation": "createImage"}
KLEIN = {**FLUX2, "model": "klein"}
TURNED = {"steps": 4, "cfgScale": 1}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}
VARIANT = {"operation": "createVariant", "image": PICTURE}
SDXL = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage"}
PONY = "urn:air:sdxl:checkpoint:civitai:257749@290640"
SDXL_BASE = "huggingface:stabilityai/stable-diffusion-xl-base-1.0"
SD1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage"}
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
Z_IMAGE = {"engine": "sdcpp", "ecosystem": "zImage", "operation": "createImage"}
QWEN = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage"}
QWEN2 = {"engine": "fal", "model": "qwen2"}
SEEDREAM = {"engine": "seedream"}

ORDERS = {
    "runware:100@1": {**FLUX1, "diffuserModel": SCHNELL, "steps": 4},
    "runware:101@1": {**FLUX1, "width": 1216, "height": 832, "loras": {LORA: 0.7}},
    "runware:101@1, varied": {**FLUX1, **VARIANT, "strength": 0.5},
    "runware:106@1": {**KONTEXT, "model": "dev", "images": [PICTURE]},
    "bfl:3@1": {**KONTEXT, "model": "pro", "aspectRatio": "16:9"},
    "bfl:4@1": {**KONTEXT, "model": "max", "images": [PICTURE, PICTURE]},
    "runware:400@1": {**FLUX2, "model": "dev"},
    "runware:400@1, edited": {**FLUX2, "model": "dev", **EDIT},
    "runware:400@4": {**KLEIN, **TURNED},
    "runware:400@5": {**KLEIN, **EDIT, "modelVersion": "4b-base", "negativePrompt": "rust"},
    "runware:400@2": {**KLEIN, **TURNED, **EDIT, "modelVersion": "9b"},
    "runware:400@3": {**KLEIN, "modelVersion": "9b-base"},
    "bfl:5@1": {**FLUX2, "model": "pro", "width": 1344, "height": 768},
    "bfl:6@1": {**FLUX2, "model": "flex"},
    "bfl:7@1": {**FLUX2, "model": "max", **EDIT},
    "civitai:101055@128078": {**SDXL, "model": SDXL_BASE, "negativePrompt": "rust"},
    "sdxl checkpoint": {**SDXL, "model": PONY, "loras": {LORA: 0.7}, "sampler": "dpmpp_2m", "scheduler": "karras"},
    "sdxl checkpoint, varied": {**SDXL, **VARIANT, "model": PONY},
    "sd1 checkpoint": {**SD1, "model": DREAMSHAPER, "loras": {LORA: 0.7}, "negativePrompt": "rust", "width": 512},
    "runware:z-image@turbo": {**Z_IMAGE, "model": "turbo", "width": 1280, "height": 720},
    "runware:z-image@0": {**Z_IMAGE, "model": "base", "negativePrompt": "rust"},
    "alibaba:qwen-image@2512": {**QWEN, "negativePrompt": "rust"},
    "runware:108@22": {**QWEN, **EDIT, "version": "2509"},
    "alibaba:qwen-image@2.0": {**QWEN2, "operation": "createImage"},
    "alibaba:qwen-image@2.0, by Alibaba's name": {"engine": "qwen", "model": "2.0", **EDIT},
    "alibaba:qwen-image@2.0-pro": {**QWEN2, "operation": "proEditImage", "images": [PICTURE]},
    "bytedance:5@0": {**SEEDREAM, "version": "v4"},
    "bytedance:seedream@4.5": {**SEEDREAM, "version": "v4.5", "images": [PICTURE]},
    "bytedance:seedream@5.0-lite": {**SEEDREAM, "version": "v5.0-lite"},
    "bytedance:seedream@5.0-pro": {**SEEDREAM, "version": "v5.0-pro"},
    "xai:grok-imagine@image": {"engine": "grok", "operation": "createImage", "aspectRatio": "16:9"},
    "xai:grok-imagine@image, edits": {"engine": "grok", **EDIT},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""


@pytest.fixture(scope="module")
def runware() -> Iterator[Runware]:
    with serving(stand_in := Runware()):
        yield stand_in


@pytest.fixture(scope="module")
def server(runware: Runware, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("runware"), "runware", runware, "RUNWARE_API_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    names = set(read_catalog("runware").names)
    assert {name if name in names else name.partition(",")[0] for name in ORDERS} == names


def test_every_model_makes_a_picture(server: Server, runware: Runware):
    # When each input is run, its parameters checked as Runware does
    made = make(server, ORDERS)

    # Then each has a picture of its size, and was made by the model that is meant for it
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes["runware:101@1"] == (1216, 832)
    assert sizes["bfl:3@1"] == (1392, 752)
    assert sizes["bytedance:seedream@4.5"] == (1920, 1920)
    started = [task.model for task in runware.started]
    assert len(started) == len(ORDERS)
    assert set(INPUTS) - {CHECKPOINT} <= set(started)


def test_a_checkpoint_and_its_loras_are_named_by_the_end_of_their_air(server: Server, runware: Runware):
    runware.started.clear()
    make(server, {"pony": {**SDXL, "model": PONY, "loras": {LORA: 0.7}, "sampler": "euler_ancestral"}})
    task = runware.started[0].input
    assert task["model"] == "civitai:257749@290640"
    assert task["lora"] == [{"model": "civitai:180891@776656", "weight": 0.7}]
    assert task["scheduler"] == "Euler a"


def test_what_runware_cannot_load_or_do_is_declined_with_the_reason(server: Server):
    declined = make(
        server,
        {
            "checkpoint": {**SD1, "model": "huggingface:someone/some-checkpoint"},
            "sampler": {**SDXL, "model": PONY, "sampler": "dpm_adaptive", "scheduler": "normal"},
        },
    )
    assert "cannot load the checkpoint huggingface:someone/some-checkpoint" in str(declined["checkpoint"])
    assert "has no sampler dpm_adaptive/normal" in str(declined["sampler"])


def test_a_run_whose_answer_was_lost_is_looked_up_and_paid_once(server: Server, runware: Runware):
    # Given a submission that is taken and not answered
    runware.started.clear()
    runware.order("submit", Drops)

    # When the job is run
    step = {"$type": "imageGen", "input": {"prompt": "a tin robot", **Z_IMAGE, "model": "turbo"}}
    with server.client() as client:
        reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 60})

    # Then it ends with the picture of that one run, with what it cost
    done = reply.json()["steps"][0]
    assert done["status"] == "succeeded", done
    assert [attempt["cost"] for attempt in done["jobs"][0]["attempts"]] == [pytest.approx(0.0026)]
    assert len(runware.started) == 1
