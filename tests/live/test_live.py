"""Vendors themselves, one cheap image each, paid with the keys in the environment. Run by `script/live` alone."""

import os
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import running

from palio.providers.registry import VENDORS

PROMPT = "a tin robot in the rain"
SDXL_BASE = "urn:air:sdxl:checkpoint:civitai:101055@128078"
CHEAP = {
    "a1111": {"engine": "comfy", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL_BASE},
    "ark": {"engine": "seedream", "version": "v3"},
    "bfl": {"engine": "flux2", "model": "klein", "operation": "createImage", "steps": 4, "cfgScale": 1},
    "civitai": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "comfyui": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "dashscope": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "fal": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "invokeai": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "google": {"engine": "flux2", "model": "pro", "operation": "createImage", "width": 1024, "height": 1024},
    "huggingface": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "openai": {"engine": "flux2", "model": "max", "operation": "createImage", "width": 1024, "height": 1024},
    "openai-compatible": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "horde": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "replicate": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "runware": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "sdcpp": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "swarmui": {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"},
    "together": {"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage", "model": SDXL_BASE},
    "xai": {"engine": "grok", "operation": "createImage", "width": None, "height": None},
}
"""What is asked of each kind. A member that is None is not sent."""
ADDRESS = "PALIO_LIVE_"
"""Then comes the kind: the variable that holds the address of a server of one's own, which needs no key."""
TABLES = {
    "google": '[providers.live.models."gemini-3.1-flash-lite-image"]\nfamily = "flux2"\nmembers = ["pro"]\n',
    "openai": '[providers.live.models.gpt-image-2]\nfamily = "flux2"\nmembers = ["max"]\n',
}
"""What is configured besides."""


def test_every_kind_has_something_cheap():
    assert set(CHEAP) == set(VENDORS)


@pytest.mark.parametrize("kind", sorted(CHEAP))
def test_a_vendor_makes_an_image(kind: str, tmp_path: Path):
    # Given the vendor as the only provider
    variable = VENDORS[kind].key_variable or ADDRESS + kind.upper().replace("-", "_")
    if not (value := os.environ.get(variable, "").strip()):
        pytest.skip(f"{variable} is not set")
    address = f'base_url = "{value}"' if variable.startswith(ADDRESS) else ""
    config = f'sketch = false\nvendors_by_key = false\n[providers.live]\nkind = "{kind}"\n{address}\n'
    config += TABLES.get(kind, "")
    keys = {} if variable.startswith(ADDRESS) else {variable: value}

    # When an image is asked for
    with running(tmp_path, config, **keys) as server, server.client() as client:
        asked: dict[str, object] = {"prompt": PROMPT, "width": 512, "height": 512, **CHEAP[kind]}
        step = {"$type": "imageGen", "input": {name: value for name, value in asked.items() if value is not None}}
        reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": 100})
        done = reply.json()["steps"][0]

        # Then it comes
        assert done["status"] == "succeeded", done
        file = client.get(done["output"]["images"][0]["url"], follow_redirects=True)
    with Image.open(BytesIO(file.content)) as image:
        assert asked["width"] is None or image.size == (asked["width"], asked["height"])
    print(done["jobs"][0]["attempts"])
