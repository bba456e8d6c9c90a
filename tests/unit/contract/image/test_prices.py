"""What images cost, by the published formulas."""

import pytest

from palio.contract.json import JsonObject
from palio.contract.steps import read_input

PICTURE = "https://example.com/harbour.png"
AIR = "civitai:101055@128078"
FLUX1: JsonObject = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": AIR}
COMFY_FLUX1: JsonObject = {"engine": "comfy", "ecosystem": "flux1", "operation": "createImage", "model": AIR}
KLEIN: JsonObject = {"engine": "flux2", "model": "klein", "operation": "createImage"}
DEV: JsonObject = KLEIN | {"model": "dev"}
SDXL: JsonObject = {"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage", "model": AIR}
SD1: JsonObject = SDXL | {"ecosystem": "sd1"}
Z_IMAGE: JsonObject = {"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}
QWEN_20B: JsonObject = Z_IMAGE | {"ecosystem": "qwen", "model": "20b"}
QWEN_EDIT: JsonObject = {"engine": "qwen", "operation": "editImage", "images": [PICTURE]}


@pytest.mark.parametrize(
    ("raw", "total"),
    [
        # 0.5 x steps x (references + 1) x (1 if cfgScale is 1, else 2) x quantity
        (FLUX1, 28),
        (FLUX1 | {"cfgScale": 1}, 14),
        (FLUX1 | {"operation": "editImage", "images": [PICTURE, PICTURE], "quantity": 2}, 168),
        (FLUX1 | {"operation": "createVariant", "image": PICTURE}, 28),
        # 8 x megapixels x steps / 20 x quantity
        (COMFY_FLUX1, 8),
        (COMFY_FLUX1 | {"width": 2048, "steps": 30, "quantity": 3}, 72),
        ({"engine": "flux1-kontext", "model": "dev"}, 35),
        ({"engine": "flux1-kontext", "model": "pro", "quantity": 2}, 90),
        ({"engine": "flux1-kontext", "model": "max"}, 90),
        # k x steps x (references + 1) x (1 | 2) x quantity
        (KLEIN, 12),
        (KLEIN | {"modelVersion": "9b-base", "cfgScale": 1}, 10),
        (KLEIN | {"operation": "editImage", "images": [PICTURE], "steps": 4, "modelVersion": "4b-base"}, 5),
        ({"engine": "sdcpp", "ecosystem": "flux2Klein", "operation": "createImage"}, 12),
        # megapixels rounded up x 20 x quantity, twice that with LoRAs
        (DEV, 40),
        (DEV | {"width": 1000, "height": 1000}, 20),
        (DEV | {"loras": [{"air": AIR}], "quantity": 2}, 160),
        (SDXL, 8),
        (SDXL | {"steps": 32}, 13),
        (SDXL | {"width": 512, "height": 512, "quantity": 4}, 8),
        (SDXL | {"engine": "comfy"}, 8),
        (SDXL | {"engine": "comfy", "steps": 60}, 16),
        (SD1, 4),
        (SD1 | {"width": 1024, "height": 1024}, 16),
        (SD1 | {"engine": "comfy", "steps": 15, "quantity": 2}, 4),
        (Z_IMAGE, 8),
        (Z_IMAGE | {"steps": 18}, 16),
        (Z_IMAGE | {"model": "base"}, 20),
        (QWEN_20B | {"width": 1328, "height": 1328}, 30),
        (QWEN_20B, 18),
        (QWEN_20B | {"operation": "createVariant", "image": PICTURE, "width": 1328, "height": 1328}, 30),
        (QWEN_20B | {"operation": "editImage", "images": [PICTURE]}, 40),
        (QWEN_20B | {"operation": "editImage", "images": [PICTURE] * 3, "quantity": 2}, 96),
        ({"engine": "qwen"}, 46),
        ({"engine": "qwen", "quantity": 2}, 91),
        ({"engine": "qwen", "model": "plus"}, 39),
        ({"engine": "qwen", "model": "3.0-pro", "quantity": 2}, 195),
        (QWEN_EDIT, 39),
        (QWEN_EDIT | {"model": "edit"}, 59),
        (QWEN_EDIT | {"model": "edit-max"}, 98),
        ({"engine": "seedream", "version": "v3"}, 40),
        ({"engine": "seedream", "version": "v4"}, 40),
        ({"engine": "seedream", "version": "v5.0-lite"}, 52),
        ({"engine": "seedream", "quantity": 3}, 180),
        ({"engine": "grok", "operation": "createImage"}, 26),
        ({"engine": "grok", "operation": "editImage", "images": [PICTURE], "quantity": 2}, 58),
    ],
)
def test_images_cost_what_is_published(raw: JsonObject, total: int) -> None:
    found = read_input("imageGen", raw | {"prompt": "a heron"}, "steps[0].input")
    assert found is not None
    assert found.price().total == total


@pytest.mark.parametrize(
    "raw",
    [
        KLEIN | {"model": "flex"},
        KLEIN | {"model": "pro"},
        KLEIN | {"model": "max"},
        {"engine": "sdcpp", "ecosystem": "flux2Dev", "operation": "createImage"},
        {"engine": "comfy", "ecosystem": "flux2Dev", "operation": "createImage"},
        {"engine": "fal", "model": "qwen2", "operation": "createImage"},
        {"engine": "seedream", "version": "v5.0-pro"},
    ],
)
def test_where_no_price_is_published_twice_the_images_cost_about_twice_as_much(raw: JsonObject) -> None:
    one, two = (
        read_input("imageGen", raw | {"prompt": "a heron", "quantity": quantity}, "steps[0].input")
        for quantity in (1, 2)
    )
    assert one is not None
    assert two is not None
    assert 20 <= one.price().total <= 150
    assert two.price().total == pytest.approx(2 * one.price().total, abs=1)


def test_a_price_shows_its_factors() -> None:
    found = read_input("imageGen", SDXL | {"prompt": "a heron", "steps": 32}, "steps[0].input")
    assert found is not None
    assert found.price().factors == {"base": 8, "pixels": 1, "steps": 1.6, "quantity": 1}
