"""fal through a real `palio serve`: every model of its catalog, from an imageGen input to a picture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make, serving_vendor
from tests.conftest import Server
from tests.standins.fal import Fal
from tests.standins.server import KEY, Says, serving

from palio.providers.catalog.reading import read_catalog

LORA = "urn:air:flux1:lora:civitai:180891@776656"
DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": DEV}
KLEIN = {"engine": "flux2", "model": "klein", "operation": "createImage"}
TURNED = {"steps": 4, "cfgScale": 1}
FLUX2 = {"engine": "flux2", "operation": "createImage"}
KREA = "huggingface:black-forest-labs/FLUX.1-Krea-dev"
VARY = {"operation": "createVariant", "image": PICTURE}
EDIT = {"operation": "editImage", "images": [PICTURE]}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SDXL = {"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL_BASE}
SD1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage"}
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
SD15 = "urn:air:sd1:checkpoint:huggingface:stable-diffusion-v1-5/stable-diffusion-v1-5"
Z_IMAGE = {"engine": "sdcpp", "ecosystem": "zImage", "operation": "createImage"}
QWEN = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage"}
QWEN2 = {"engine": "fal", "model": "qwen2"}
KONTEXT = {"engine": "flux1-kontext"}
SEEDREAM = {"engine": "seedream"}
PRO = "fal-ai/flux-pro/kontext"
SEED = "fal-ai/bytedance/seedream"

ORDERS = {
    "fal-ai/flux/schnell": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:618692@699279", "steps": 4},
    "fal-ai/flux/dev": FLUX1,
    "fal-ai/flux/krea": {**FLUX1, "diffuserModel": KREA},
    "fal-ai/flux-lora": {**FLUX1, "loras": {LORA: 0.8}},
    "fal-ai/flux-lora/image-to-image": {**FLUX1, "operation": "createVariant", "image": PICTURE, "strength": 0.5},
    "fal-ai/flux-krea-lora": {**FLUX1, "diffuserModel": KREA, "loras": {LORA: 0.8}},
    "fal-ai/flux-krea-lora/image-to-image": {**FLUX1, "diffuserModel": KREA, **VARY},
    "fal-ai/flux-kontext/dev": {**KONTEXT, "model": "dev", "images": [PICTURE]},
    "fal-ai/flux-kontext-lora/text-to-image": {**KONTEXT, "model": "dev", "aspectRatio": "3:4"},
    f"{PRO}/text-to-image": {**KONTEXT, "model": "pro", "aspectRatio": "16:9"},
    PRO: {**KONTEXT, "model": "pro", "images": [PICTURE]},
    f"{PRO}/multi": {**KONTEXT, "model": "pro", "images": [PICTURE, PICTURE]},
    f"{PRO}/max/text-to-image": {**KONTEXT, "model": "max"},
    f"{PRO}/max": {**KONTEXT, "model": "max", "images": [PICTURE]},
    f"{PRO}/max/multi": {**KONTEXT, "model": "max", "images": [PICTURE, PICTURE]},
    "fal-ai/flux-2": {**FLUX2, "model": "dev"},
    "fal-ai/flux-2/lora": {**FLUX2, "model": "dev", "loras": [{"air": LORA, "strength": 1}]},
    "fal-ai/flux-2/edit": {**FLUX2, "model": "dev", **EDIT},
    "fal-ai/flux-2/lora/edit": {**FLUX2, "model": "dev", **EDIT, "loras": [{"air": LORA}]},
    "fal-ai/flux-2-flex": {**FLUX2, "model": "flex"},
    "fal-ai/flux-2-flex/edit": {**FLUX2, "model": "flex", **EDIT},
    "fal-ai/flux-2-pro": {**FLUX2, "model": "pro", "width": 1344, "height": 768},
    "fal-ai/flux-2-pro/edit": {**FLUX2, "model": "pro", **EDIT},
    "fal-ai/flux-2-max": {**FLUX2, "model": "max"},
    "fal-ai/flux-2-max/edit": {**FLUX2, "model": "max", **EDIT},
    "fal-ai/flux-2/klein/4b": KLEIN,
    "fal-ai/flux-2/klein/4b/edit": {**KLEIN, **TURNED, **EDIT},
    "fal-ai/flux-2/klein/4b/edit/lora": {**KLEIN, **EDIT, "loras": {LORA: 1}},
    "fal-ai/flux-2/klein/4b/lora": {**KLEIN, **TURNED, "loras": {LORA: 1}},
    "fal-ai/flux-2/klein/4b/base": {**KLEIN, "modelVersion": "4b-base", "negativePrompt": "rust"},
    "fal-ai/flux-2/klein/4b/base/edit": {**KLEIN, "modelVersion": "4b-base", **EDIT},
    "fal-ai/flux-2/klein/9b": {**KLEIN, **TURNED, "modelVersion": "9b"},
    "fal-ai/flux-2/klein/9b/edit": {**KLEIN, "modelVersion": "9b", **EDIT},
    "fal-ai/flux-2/klein/9b/lora": {**KLEIN, "modelVersion": "9b", "loras": {LORA: 1}},
    "fal-ai/flux-2/klein/9b/edit/lora": {**KLEIN, "modelVersion": "9b", **EDIT, "loras": {LORA: 1}},
    "fal-ai/flux-2/klein/9b/base": {**KLEIN, "modelVersion": "9b-base"},
    "fal-ai/flux-2/klein/9b/base/edit": {**KLEIN, "modelVersion": "9b-base", **EDIT},
    "fal-ai/flux-2/klein/9b/base/lora": {**KLEIN, "modelVersion": "9b-base", "loras": {LORA: 1}},
    "fal-ai/flux-2/klein/9b/base/edit/lora": {**KLEIN, "modelVersion": "9b-base", **EDIT, "loras": {LORA: 1}},
    "fal-ai/fast-sdxl": {**SDXL, "negativePrompt": "rust", "loras": {LORA: 1}},
    "fal-ai/fast-sdxl/image-to-image": {**SDXL, "operation": "createVariant", "image": PICTURE, "strength": 0.6},
    "sdxl checkpoint": {**SDXL, "model": "urn:air:sdxl:checkpoint:civitai:133005@1759168", "schedule": "karras"}
    | {"sampleMethod": "dpm++2m"},
    "sd1 checkpoint": {**SD1, "model": DREAMSHAPER, "loras": {LORA: 0.5}},
    "sdxl checkpoint, varied": {**SDXL, "model": "urn:air:sdxl:checkpoint:civitai:133005@1759168", **VARY},
    "sd1 checkpoint, varied": {**SD1, "model": DREAMSHAPER, **VARY},
    "fal-ai/stable-diffusion-v15": {**SD1, "model": SD15, "clipSkip": 1},
    "fal-ai/z-image/turbo": {**Z_IMAGE, "model": "turbo"},
    "fal-ai/z-image/turbo/lora": {**Z_IMAGE, "model": "turbo", "loras": {LORA: 1}},
    "fal-ai/z-image/base": {**Z_IMAGE, "model": "base", "negativePrompt": "rust"},
    "fal-ai/z-image/base/lora": {**Z_IMAGE, "model": "base", "loras": {LORA: 1}},
    "fal-ai/qwen-image-2512": {**QWEN, "negativePrompt": "rust"},
    "fal-ai/qwen-image-2512/lora": {**QWEN, "loras": {LORA: 1}},
    "fal-ai/qwen-image-edit-2511": {**QWEN, **EDIT},
    "fal-ai/qwen-image-edit-2509": {**QWEN, **EDIT, "version": "2509"},
    "fal-ai/qwen-image-edit-2511/lora": {**QWEN, **EDIT, "loras": {LORA: 1}},
    "fal-ai/qwen-image-edit-2509-lora": {**QWEN, **EDIT, "version": "2509", "loras": {LORA: 1}},
    "fal-ai/qwen-image-2/text-to-image": {**QWEN2, "operation": "createImage", "negativePrompt": "rust"},
    "fal-ai/qwen-image-2/pro/text-to-image": {**QWEN2, "operation": "proCreateImage"},
    "fal-ai/qwen-image-2/edit": {**QWEN2, **EDIT},
    "fal-ai/qwen-image-2/pro/edit": {**QWEN2, "operation": "proEditImage", "images": [PICTURE]},
    "fal-ai/qwen-image-max/text-to-image": {"engine": "qwen", "model": "max"},
    "fal-ai/qwen-image-max/edit": {"engine": "qwen", "model": "edit-max", **EDIT},
    f"{SEED}/v3/text-to-image": {**SEEDREAM, "version": "v3"},
    f"{SEED}/v4/text-to-image": {**SEEDREAM, "version": "v4"},
    f"{SEED}/v4/edit": {**SEEDREAM, "version": "v4", "images": [PICTURE]},
    f"{SEED}/v4.5/text-to-image": {**SEEDREAM, "version": "v4.5"},
    f"{SEED}/v4.5/edit": {**SEEDREAM, "version": "v4.5", "images": [PICTURE]},
    f"{SEED}/v5/lite/text-to-image": {**SEEDREAM, "version": "v5.0-lite"},
    f"{SEED}/v5/lite/edit": {**SEEDREAM, "version": "v5.0-lite", "images": [PICTURE]},
    "bytedance/seedream/v5/pro/text-to-image": {**SEEDREAM, "version": "v5.0-pro"},
    "xai/grok-imagine-image": {"engine": "grok", "operation": "createImage", "aspectRatio": "16:9"},
    "xai/grok-imagine-image/edit": {"engine": "grok", **EDIT},
}
"""An input for each model of the catalog, by the catalog's name of it."""

FAMILIES = sorted({model.family for model in read_catalog("fal").models})


@pytest.fixture(scope="module")
def fal() -> Iterator[Fal]:
    with serving(stand_in := Fal()):
        yield stand_in


@pytest.fixture(scope="module")
def server(fal: Fal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_vendor(tmp_path_factory.mktemp("fal"), "fal", fal, "FAL_KEY") as started:
        yield started


def test_there_is_an_order_for_every_model():
    assert set(ORDERS) == set(read_catalog("fal").names)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_model_of_a_family_makes_a_picture(server: Server, fal: Fal, family: str):
    # Given an input for each model of the family
    catalog = read_catalog("fal")
    models = dict(zip(catalog.names, catalog.models, strict=True))
    orders = {name: order for name, order in ORDERS.items() if models[name].family == family}
    fal.started.clear()

    # When they are run
    made = make(server, orders)

    # Then each has a picture, and was made by the model that is meant for it
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    assert sorted(request.endpoint for request in fal.started) == sorted(models[name].id for name in orders)


def test_a_size_that_fal_does_not_make_comes_out_as_it_was_offered(server: Server):
    made = make(server, {"720p": {**FLUX1, "width": 1104, "height": 848}, "small": {**SEEDREAM, "version": "v4.5"}})
    assert isinstance(made["720p"], Image.Image)
    assert made["720p"].size == (1120, 864)
    assert isinstance(made["small"], Image.Image)
    assert made["small"].size == (1920, 1920)


def test_a_job_that_no_model_can_do_as_asked_is_declined_with_the_reason(server: Server):
    declined = make(server, {"steps": {**KLEIN, "steps": 20}, "sampler": {**FLUX1, "sampleMethod": "lcm"}})
    assert "fal-ai/flux-2/klein/4b takes steps from 4 to 8, not 20" in str(declined["steps"])
    assert "fal-ai/flux/dev has sampler euler only, not lcm" in str(declined["sampler"])


def test_the_key_is_in_no_reply_and_in_no_log(tmp_path: Path):
    # Given a vendor that refuses the key and repeats it
    with serving(stand_in := Fal()), serving_vendor(tmp_path, "fal", stand_in, "FAL_KEY") as server:
        stand_in.order("submit", Says(401, {"detail": f"the key {KEY} is not good"}))

        # When a job is tried there
        with server.client() as client:
            body = {"steps": [{"$type": "imageGen", "input": {"prompt": "a kite", **FLUX1}}]}
            reply = client.post("/v2/consumer/workflows", json=body, params={"wait": 10})
            said = client.get(f"/v2/consumer/workflows/{reply.json()['id']}").text

    # Then what is said of it does not hold the key
    assert stand_in.called("submit")[0].headers["authorization"] == f"Key {KEY}"
    assert "is not good" in said
    assert KEY not in said
    assert KEY not in (tmp_path / "server.log").read_text()


def test_the_owner_sees_to_what_a_size_is_rounded(server: Server):
    step = {"$type": "imageGen", "input": {"prompt": "a tin robot", **FLUX1, "width": 1104, "height": 848}}
    with server.client() as client:
        reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 60})
    (attempt,) = reply.json()["steps"][0]["jobs"][0]["attempts"]
    assert (attempt["status"], attempt["roundedTo"]) == ("succeeded", "1120x864")
