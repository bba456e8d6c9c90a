"""What the tiny pipelines are called, and imageGen inputs for each."""

import base64
from pathlib import Path
from typing import Any

from tests.standins.server import png

PICTURE = base64.b64encode(png(96, 64)).decode()
MEMORY = 2_500_000
"""Bytes: for three of the tiny pipelines, or so."""

DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
NOWHERE = "urn:air:sd1:checkpoint:civitai:1@424242"
PICKLED = "urn:air:sd1:checkpoint:civitai:1@424243"
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
LORA = "urn:air:sd1:lora:civitai:180891@776656"
OTHER_LORA = "urn:air:flux1:lora:civitai:180892@776657"

ONE_FILE = "urn:air:sdxl:checkpoint:civitai:1@424244"

SIZE = {"width": 96, "height": 64}
SD1 = {
    **{"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage", "model": DREAMSHAPER},
    **{"steps": 4, "outputFormat": "png", **SIZE},
}
SDXL = {**SD1, "ecosystem": "sdxl", "model": SDXL_BASE}
FLUX1 = {**SD1, "engine": "comfy", "ecosystem": "flux1", "model": DEV, "sampler": "euler", "scheduler": "simple"}
KLEIN = {
    **{"engine": "sdcpp", "ecosystem": "flux2Klein", "operation": "createImage", "modelVersion": "4b"},
    **{"steps": 4, "outputFormat": "png", "width": 512, "height": 576},
}
Z_IMAGE = {
    **{"engine": "sdcpp", "ecosystem": "zImage", "operation": "createImage", "model": "turbo"},
    **{"steps": 4, "outputFormat": "png", **SIZE},
}
QWEN = {**Z_IMAGE, "ecosystem": "qwen", "model": "20b"}
VARIANT = {"operation": "createVariant", "image": PICTURE, "strength": 0.5}
VARIANT_IN_COMFY = {"operation": "createVariant", "image": PICTURE, "denoiseStrength": 0.5}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}

ORDERS: dict[str, dict[str, Any]] = {
    "sd1": {**SD1, "negativePrompt": "rust", "sampleMethod": "dpm++2m", "schedule": "karras"},
    "sd1, a long prompt": {**SD1, "prompt": "a tin robot that waters tomatoes " * 10},
    "sd1, varied": {**SD1, **VARIANT},
    "sd1, with a LoRA": {**SD1, "loras": {LORA: 0.7}},
    "sdxl": SDXL,
    "sdxl, varied": {**SDXL, **VARIANT},
    "flux1": FLUX1,
    "flux1, varied": {**FLUX1, **VARIANT_IN_COMFY},
    "flux2-klein": {**KLEIN, "negativePrompt": "rust"},
    "flux2-klein, edited": {**KLEIN, **EDIT},
    "z-image": Z_IMAGE,
    "qwen": QWEN,
    "qwen, varied": {**QWEN, **VARIANT},
}


def tables(tiny: Path) -> dict[str, Any]:
    """The table of a provider that has the tiny pipelines, as in `palio.toml`."""
    return {
        "kind": "diffusers",
        "device": "cpu",
        "memory": MEMORY,
        "patience": 15.0,
        "files": {
            DREAMSHAPER: str(tiny / "sd1"),
            PICKLED: str(tiny / "sd1.ckpt"),
            ONE_FILE: str(tiny / "sd1-lora.safetensors"),
            SDXL_BASE: str(tiny / "sdxl"),
            DEV: str(tiny / "flux1"),
            LORA: str(tiny / "sd1-lora.safetensors"),
            OTHER_LORA: str(tiny / "flux1-lora.safetensors"),
        },
        "models": {
            "sd1": {"files": {"config": str(tiny / "sd1")}},
            "flux2-klein-4b": {"files": {"pipeline": str(tiny / "flux2-klein")}},
            "z-image-turbo": {"files": {"pipeline": str(tiny / "z-image")}},
            "qwen-image-2512": {"files": {"pipeline": str(tiny / "qwen")}},
        },
    }
