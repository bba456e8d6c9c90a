"""Inputs that servers of one's own are tried with, and the parts that these are made of."""

from tests.acceptance.vendors.serving import PICTURE

LORA = "urn:air:flux1:lora:civitai:180891@776656"
DEV = "urn:air:flux1:checkpoint:civitai:618692@691639"
FLUX1 = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": DEV}
SCHNELL = {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:618692@699279", "steps": 4}
KLEIN = {"engine": "flux2", "model": "klein", "operation": "createImage"}
EDIT = {"operation": "editImage", "images": [PICTURE, PICTURE]}
SDXL = {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage"}
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SD1 = {"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage"}
DREAMSHAPER = "urn:air:sd1:checkpoint:civitai:4384@128713"
Z_IMAGE = {"engine": "sdcpp", "ecosystem": "zImage", "operation": "createImage"}
QWEN = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage"}
VARIANT = {"operation": "createVariant", "image": PICTURE}

OF_COMFYUI = {
    "sd1": {**SD1, "model": DREAMSHAPER, "loras": {LORA: 0.7}, "negativePrompt": "rust"},
    "sd1, varied": {**SD1, **VARIANT, "model": DREAMSHAPER, "width": 640, "height": 512, "strength": 0.4},
    "sdxl": {**SDXL, "model": "urn:air:sdxl:checkpoint:civitai:257749@290640", "sampler": "dpmpp_2m"},
    "sd_xl_base_1.0": {**SDXL, "model": SDXL_BASE, "vaeModel": "urn:air:sdxl:vae:civitai:1@840000"},
    "sd_xl_base_1.0, varied": {**SDXL, **VARIANT, "model": SDXL_BASE, "loras": {LORA: 1}},
    "flux1-dev": {**FLUX1, "width": 1216, "height": 832, "loras": {LORA: 0.7}},
    "flux1-dev, varied": {**FLUX1, **VARIANT},
    "flux1-schnell-fp8": SCHNELL,
    "flux1-krea-dev": {**FLUX1, "diffuserModel": "huggingface:black-forest-labs/FLUX.1-Krea-dev"},
    "flux1": {**FLUX1, "diffuserModel": "urn:air:flux1:checkpoint:civitai:9@900001"},
    "flux2-dev": {"engine": "flux2", "model": "dev", "operation": "createImage", "loras": [{"air": LORA}]},
    "flux2-dev, edited": {"engine": "comfy", "ecosystem": "flux2Dev", **EDIT, "cfgScale": 3},
    "flux2-klein-4b": {**KLEIN, "steps": 4, "cfgScale": 1},
    "flux2-klein-4b-base": {**KLEIN, **EDIT, "modelVersion": "4b-base", "negativePrompt": "rust"},
    "flux2-klein-9b-base": {**KLEIN, "modelVersion": "9b-base", "loras": {LORA: 1}},
    "z-image-turbo": {**Z_IMAGE, "model": "turbo", "loras": {LORA: 1}},
    "z-image": {**Z_IMAGE, "model": "base", "negativePrompt": "rust"},
    "qwen-image-2512": QWEN,
    "qwen-image-2512, varied": {**QWEN, **VARIANT},
    "qwen-image-edit-2511": {**QWEN, **EDIT},
}
"""Inputs for what ComfyUI runs, and SwarmUI, which runs it by ComfyUI: by the catalogs' name of the model, and how."""
