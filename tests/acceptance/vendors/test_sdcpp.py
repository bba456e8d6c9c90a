"""stable-diffusion.cpp through a real `palio serve`: every model of its catalog, at a server that has loaded it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE, make
from tests.conftest import running
from tests.standins.sdcpp import StableDiffusionCpp
from tests.standins.server import serving

from palio.providers.catalog.reading import read_catalog

LORA = "urn:air:flux1:lora:civitai:180891@776656"
CREATE = {"engine": "sdcpp", "operation": "createImage"}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}
VARIANT = {"operation": "createVariant", "image": PICTURE}
FLUX1 = {**CREATE, "ecosystem": "flux1"}
KLEIN = {**CREATE, "ecosystem": "flux2Klein", "cfgScale": 1}
QWEN = {**CREATE, "ecosystem": "qwen", "model": "20b"}
SDXL = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage"}
DEV, SCHNELL = (f"urn:air:flux1:checkpoint:civitai:618692@{version}" for version in ("691639", "699279"))
KREA = "huggingface:black-forest-labs/FLUX.1-Krea-dev"
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"

LOADED = {
    "sd1": "dreamshaper_8-128713.safetensors",
    "sdxl": "pony-290640-q8_0.gguf",
    "base": "sd_xl_base_1.0.safetensors",
    "flux1": "own-flux-900001.gguf",
    "flux1-dev": "flux1-dev-q8_0.gguf",
    "flux1-krea": "flux1-krea-dev-Q4_K_S.gguf",
    "flux1-schnell": "flux1-schnell-q4_k.gguf",
    "flux2-dev": "flux2-dev-Q4_K_S.gguf",
    "klein-4b": "flux-2-klein-4b-Q8_0.gguf",
    "klein-4b-base": "flux-2-klein-base-4b-Q8_0.gguf",
    "klein-9b": "FLUX.2-klein-9B-Q4_0.gguf",
    "klein-9b-base": "FLUX.2-klein-base-9B-Q4_0.gguf",
    "z-turbo": "z_image_turbo-Q4_K_M.gguf",
    "z-base": "z_image_bf16.safetensors",
    "qwen": "Qwen-Image-2512-Q4_K_M.gguf",
    "qwen-edit": "Qwen-Image-Edit-2511-Q4_K_M.gguf",
    "qwen-edit-2509": "Qwen_Image_Edit_2509_fp8_e4m3fn.safetensors",
}
"""The model of each server under test."""

ORDERS: Mapping[str, Mapping[str, Any]] = {
    "sd1": {**CREATE, "ecosystem": "sd1", "model": "urn:air:sd1:checkpoint:civitai:4384@128713", "loras": {LORA: 0.7}},
    "sdxl": {**SDXL, **VARIANT, "model": "urn:air:sdxl:checkpoint:civitai:257749@290640", "width": 640, "height": 512},
    "sd_xl_base_1.0": {**SDXL, "model": SDXL_BASE, "sampler": "dpmpp_2m", "scheduler": "karras"},
    "flux1": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:9@900001"},
    "flux1-dev": {**FLUX1, "diffuserModel": DEV, "width": 1216, "height": 832},
    "flux1-dev, varied": {**FLUX1, **VARIANT, "diffuserModel": DEV},
    "flux1-krea-dev": {**FLUX1, "diffuserModel": KREA},
    "flux1-schnell": {**FLUX1, "diffuserModel": SCHNELL, "steps": 4},
    "flux2-dev": {"engine": "flux2", "model": "dev", "operation": "createImage", "loras": [{"air": LORA}]},
    "flux2-dev, edited": {**CREATE, **EDIT, "ecosystem": "flux2Dev"},
    "flux2-dev, varied": {**CREATE, **VARIANT, "ecosystem": "flux2Dev", "cfgScale": 3, "negativePrompt": "rust"},
    "flux2-klein-4b": {**KLEIN, "steps": 4},
    "flux2-klein-4b, varied": {**KLEIN, **VARIANT, "steps": 4},
    "flux2-klein-4b-base": {**KLEIN, **EDIT, "modelVersion": "4b-base", "negativePrompt": "rust", "cfgScale": 4},
    "flux2-klein-4b-base, varied": {**KLEIN, **VARIANT, "modelVersion": "4b-base"},
    "flux2-klein-9b": {**KLEIN, **EDIT, "steps": 4, "modelVersion": "9b"},
    "flux2-klein-9b, varied": {**KLEIN, **VARIANT, "steps": 4, "modelVersion": "9b"},
    "flux2-klein-9b-base": {**KLEIN, "modelVersion": "9b-base", "loras": {LORA: 1}},
    "flux2-klein-9b-base, varied": {**KLEIN, **VARIANT, "modelVersion": "9b-base"},
    "z-image-turbo": {**CREATE, "ecosystem": "zImage", "model": "turbo"},
    "z-image": {**CREATE, "ecosystem": "zImage", "model": "base", "negativePrompt": "rust"},
    "qwen-image-2512": QWEN,
    "qwen-image-2512, varied": {**QWEN, **VARIANT},
    "qwen-image-edit-2511": {**QWEN, **EDIT},
    "qwen-image-edit-2509": {**QWEN, **EDIT, "version": "2509"},
}
"""Inputs for each model of the catalog, by the catalog's name of it and what else is tried."""


def test_there_is_an_order_for_every_model():
    assert set(read_catalog("sdcpp").names) <= set(ORDERS)


@pytest.fixture
def servers() -> Iterator[Mapping[str, StableDiffusionCpp]]:
    with ExitStack() as stack:
        stand_ins = {name: StableDiffusionCpp(file, running=1) for name, file in LOADED.items()}
        for stand_in in stand_ins.values():
            stack.enter_context(serving(stand_in))
        yield stand_ins


def test_every_model_makes_a_picture_at_the_server_that_has_it(
    servers: Mapping[str, StableDiffusionCpp], tmp_path: Path
):
    # Given a server for each model
    tables = [f'[providers.{name}]\nkind = "sdcpp"\nbase_url = "{at.url}"' for name, at in servers.items()]

    # When each input is run
    with running(tmp_path, "\n".join(["sketch = false", *tables])) as server:
        made = make(server, ORDERS)

    # Then each has a picture of its size, and every server made what it has loaded
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes["sdxl"] == (640, 512)
    assert sizes["flux1-dev"] == (1216, 832)
    started = {name: len(at.started) for name, at in servers.items()}
    assert 0 not in started.values()
    assert (started["qwen"], started["qwen-edit"], started["qwen-edit-2509"]) == (2, 1, 1)
    assert sum(started.values()) == len(ORDERS)
