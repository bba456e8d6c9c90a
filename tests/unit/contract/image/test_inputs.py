"""What an imageGen input may and may not say, besides numbers."""

import pytest
from pydantic import BaseModel

from palio.contract.json import Json, JsonObject
from palio.contract.steps import read_input
from palio.errors import BadRequest

AT = "steps[2].input"
PICTURE = "https://example.com/harbour.png"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
AIR = "urn:air:sdxl:checkpoint:civitai:101055@128078"
LORA = "urn:air:sdxl:lora:civitai:{}@1"
SDXL: JsonObject = {
    "engine": "sdcpp",
    "ecosystem": "sdxl",
    "operation": "createImage",
    "model": AIR,
    "prompt": "a heron among reeds",
}
COMFY: JsonObject = SDXL | {"engine": "comfy"}
FLUX1: JsonObject = {
    "engine": "sdcpp",
    "ecosystem": "flux1",
    "operation": "editImage",
    "diffuserModel": AIR,
    "prompt": "a heron among reeds",
}
KLEIN: JsonObject = {"engine": "flux2", "model": "klein", "operation": "editImage", "prompt": "a heron"}
DEV: JsonObject = KLEIN | {"model": "dev"}
KONTEXT: JsonObject = {"engine": "flux1-kontext", "model": "pro", "prompt": "a heron"}
Z_IMAGE: JsonObject = {
    "engine": "sdcpp",
    "ecosystem": "zImage",
    "model": "base",
    "operation": "createImage",
    "prompt": "a heron",
}
QWEN_20B: JsonObject = Z_IMAGE | {"ecosystem": "qwen", "model": "20b"}
QWEN: JsonObject = {"engine": "qwen", "prompt": "a heron"}
QWEN_EDIT: JsonObject = QWEN | {"operation": "editImage", "images": [PICTURE]}
FAL: JsonObject = {"engine": "fal", "model": "qwen2", "operation": "createImage", "prompt": "a heron"}
SEEDREAM: JsonObject = {"engine": "seedream", "prompt": "a heron"}
GROK: JsonObject = {"engine": "grok", "operation": "createImage", "prompt": "a heron"}
NET: JsonObject = {"preprocessor": "canny", "weight": 0.8, "startStep": 0, "endStep": 1}


def read(raw: Json) -> dict[str, object]:
    found = read_input("imageGen", raw, AT)
    assert isinstance(found, BaseModel)
    return found.model_dump(by_alias=True)


def errors_of(raw: Json) -> dict[str, list[str]]:
    """What is wrong, by path within the input."""
    with pytest.raises(BadRequest) as refused:
        read(raw)
    return {path.removeprefix(AT).removeprefix("."): said for path, said in refused.value.errors.items()}


@pytest.mark.parametrize(
    ("raw", "member", "value", "known"),
    [
        ({"engine": "flux"}, "engine", "flux", "sdcpp, comfy, flux1-kontext"),
        ({"engine": "Sdcpp"}, "engine", "Sdcpp", "sdcpp"),
        ({"engine": "openai", "model": "dall-e-3"}, "engine", "openai", "seedream"),
        (SDXL | {"ecosystem": "SDXL"}, "ecosystem", "SDXL", "flux1, flux2Klein, flux2Dev, sdxl, sd1, zImage, qwen"),
        (SDXL | {"ecosystem": "anima"}, "ecosystem", "anima", "sdxl"),
        (COMFY | {"ecosystem": "zImage"}, "ecosystem", "zImage", "flux1, flux2Dev, sdxl, sd1"),
        (SDXL | {"operation": "editImage"}, "operation", "editImage", "createImage, createVariant"),
        (Z_IMAGE | {"model": "ultra"}, "model", "ultra", "turbo, base"),
        (KLEIN | {"model": "Klein"}, "model", "Klein", "klein, dev, flex, pro, max"),
        (FAL | {"model": "reve"}, "model", "reve", "qwen2"),
        (QWEN | {"operation": "createVariant"}, "operation", "createVariant", "createImage, editImage"),
    ],
)
def test_a_discriminator_that_leads_nowhere_is_named_with_what_is_known(
    raw: JsonObject, member: str, value: str, known: str
) -> None:
    assert list(errors_of(raw)) == [member]
    (message,) = errors_of(raw)[member]
    assert f'"{value}"' in message
    assert known in message


@pytest.mark.parametrize(
    ("raw", "member"),
    [
        ({}, "engine"),
        ({"engine": None}, "engine"),
        ({"engine": ["sdcpp"]}, "engine"),
        ({"engine": {"of": "sdcpp"}}, "engine"),
        ({"engine": "sdcpp"}, "ecosystem"),
        ({"engine": "sdcpp", "ecosystem": "sdxl"}, "operation"),
        ({"engine": "sdcpp", "ecosystem": "zImage"}, "model"),
        ({"engine": "flux2", "operation": "createImage"}, "model"),
        ({"engine": "grok"}, "operation"),
    ],
)
def test_a_missing_discriminator_is_asked_for(raw: JsonObject, member: str) -> None:
    assert list(errors_of(raw)) == [member]


def test_only_the_operation_of_qwen_has_a_default() -> None:
    assert read(QWEN)["operation"] == "createImage"
    assert read(QWEN | {"operation": None})["quantity"] == 1


@pytest.mark.parametrize("raw", [None, "a heron", 7, [SDXL]])
def test_an_input_is_an_object(raw: Json) -> None:
    assert list(errors_of(raw)) == [""]


def test_all_mistakes_are_told_at_once() -> None:
    wrong = SDXL | {"width": 1000, "steps": 0, "clipSkip": 2, "loras": {AIR: "strong", "?": 1}}
    assert errors_of(wrong).keys() == {"width", "steps", "clipSkip", f"loras.{AIR}", "loras.?"}


@pytest.mark.parametrize(
    ("raw", "unknown"),
    [
        (SDXL | {"clipSkip": 2}, "clipSkip"),
        (SDXL | {"sampler": "euler"}, "sampler"),
        (SDXL | {"cfg_scale": 7}, "cfg_scale"),
        (COMFY | {"sampleMethod": "euler"}, "sampleMethod"),
        (COMFY | {"ecosystem": "flux1", "negativePrompt": "blur"}, "negativePrompt"),
        (KONTEXT | {"loras": {}}, "loras"),
        (KONTEXT | {"operation": "createImage"}, "operation"),
        (KLEIN | {"operation": "createImage", "images": [PICTURE]}, "images"),
        (DEV | {"steps": 20}, "steps"),
        (KLEIN | {"model": "pro", "guidanceScale": 3}, "guidanceScale"),
        (GROK | {"seed": 1}, "seed"),
        (SEEDREAM | {"negativePrompt": "blur"}, "negativePrompt"),
        (COMFY | {"controlNets": [NET | {"mode": "soft"}]}, "controlNets[0].mode"),
        (DEV | {"loras": [{"air": AIR, "weight": 1}]}, "loras[0].weight"),
    ],
)
def test_a_member_the_variant_does_not_have_is_refused(raw: JsonObject, unknown: str) -> None:
    assert list(errors_of(raw)) == [unknown]


def test_a_misspelled_member_is_guessed() -> None:
    assert "did you mean cfgScale?" in errors_of(SDXL | {"cfg_scale": 7})["cfg_scale"][0]


def test_a_flood_of_unknown_members_makes_a_short_answer() -> None:
    flood: JsonObject = {f"member{number}" * 1000: number for number in range(1000)}
    errors = errors_of(SDXL | flood)
    assert len(errors) <= 50
    assert all(len(path) <= 200 for path in errors)


@pytest.mark.parametrize(
    ("raw", "member", "sent", "kept"),
    [
        (SDXL, "outputFormat", "WEBP", "webP"),
        (SDXL, "outputFormat", "Png", "png"),
        (SDXL, "sampleMethod", "DPM++2M", "dpm++2m"),
        (SDXL, "schedule", "Karras", "karras"),
        (SDXL, "uCache", "NORMAL", "normal"),
        (COMFY, "sampler", "Euler_Ancestral", "euler_ancestral"),
        (COMFY, "scheduler", "BETA", "beta"),
        (KLEIN, "modelVersion", "9B-KV", "9b-kv"),
        (QWEN, "model", "2.0-PRO", "2.0-pro"),
        (SEEDREAM, "version", "V5.0-Pro", "v5.0-pro"),
        (FAL, "imageSize", "Landscape_16_9", "landscape_16_9"),
    ],
)
def test_enumerated_members_are_read_in_any_case_and_kept_as_listed(
    raw: JsonObject, member: str, sent: str, kept: str
) -> None:
    assert read(raw | {member: sent})[member] == kept


@pytest.mark.parametrize(
    ("raw", "member", "value"),
    [
        (SDXL, "outputFormat", "gif"),
        (SDXL, "sampleMethod", "euler_ancestral"),
        (COMFY, "sampler", "euler_a"),
        (COMFY, "scheduler", "discrete"),
        (SDXL | {"ecosystem": "flux2Klein"}, "modelVersion", "9b-kv"),
        (QWEN_20B, "version", "2511"),
        (QWEN_20B | {"operation": "editImage", "images": [PICTURE]}, "version", "2512"),
        (QWEN, "model", "edit"),
        (QWEN_EDIT, "model", "max"),
        (KONTEXT, "aspectRatio", "2:1"),
        (GROK, "aspectRatio", "21:9"),
    ],
)
def test_a_word_that_is_not_listed_is_refused_with_the_list(raw: JsonObject, member: str, value: str) -> None:
    raw = {name: sent for name, sent in raw.items() if not (name == "model" and raw.get("ecosystem") == "flux2Klein")}
    assert errors_of(raw | {member: value})[member][0].startswith("must be one of ")


@pytest.mark.parametrize(
    ("raw", "member", "default"),
    [
        (SDXL, "sampleMethod", "euler"),
        (SDXL, "schedule", "discrete"),
        (SDXL, "outputFormat", "jpeg"),
        (FLUX1, "schedule", "simple"),
        (Z_IMAGE | {"model": "turbo"}, "schedule", "simple"),
        (KLEIN, "modelVersion", "4b"),
        (KLEIN, "enablePromptExpansion", False),
        (KONTEXT, "aspectRatio", "1:1"),
        (QWEN, "model", "2.0"),
        (QWEN, "promptExtend", True),
        (QWEN, "watermark", False),
        (QWEN_EDIT, "model", "edit-plus"),
        (QWEN_20B, "version", "latest"),
        (FAL, "imageSize", "square_hd"),
        (FAL, "enablePromptExpansion", True),
        (FAL, "enableSafetyChecker", False),
        (SEEDREAM, "version", "v4.5"),
        (SEEDREAM, "enableSafetyChecker", False),
        (GROK, "aspectRatio", "1:1"),
    ],
)
def test_members_left_out_have_their_documented_default(raw: JsonObject, member: str, default: object) -> None:
    assert read(raw)[member] == default


@pytest.mark.parametrize("member", ["seed", "negativePrompt", "vaeModel", "imageMetadata"])
def test_null_stands_for_absent_where_it_is_allowed(member: str) -> None:
    assert read(SDXL | {member: None})[member] is None


@pytest.mark.parametrize(
    ("raw", "member"),
    [
        *[(SDXL, name) for name in ("prompt", "model", "width", "cfgScale", "quantity", "loras", "embeddings")],
        *[(SDXL, name) for name in ("outputFormat", "sampleMethod", "schedule", "uCache")],
        *[(FLUX1, name) for name in ("vaeModel", "clipLModel", "t5XXLModel", "images")],
        *[(QWEN, name) for name in ("width", "promptExtend", "model")],
        (Z_IMAGE, "diffuserModel"),
        (COMFY, "controlNets"),
    ],
)
def test_null_is_refused_elsewhere(raw: JsonObject, member: str) -> None:
    assert list(errors_of(raw | {member: None})) == [member]


@pytest.mark.parametrize("sent", ["true", 1, 0, "yes"])
def test_switches_are_true_or_false(sent: Json) -> None:
    assert list(errors_of(SEEDREAM | {"enableSafetyChecker": sent})) == ["enableSafetyChecker"]


@pytest.mark.parametrize(
    ("raw", "member", "least", "most"),
    [
        (FLUX1, "prompt", 0, 1000),
        (KONTEXT, "prompt", 0, 1000),
        (KLEIN, "prompt", 0, 1000),
        (SDXL, "prompt", 0, 10_000),
        (SDXL, "negativePrompt", 0, 10_000),
        (Z_IMAGE, "prompt", 0, 10_000),
        (QWEN_20B, "negativePrompt", 0, 10_000),
        (QWEN, "prompt", 0, 5000),
        (QWEN, "negativePrompt", 0, 500),
        (FAL, "prompt", 1, 10_000),
        (FAL, "negativePrompt", 0, 500),
        (SEEDREAM, "prompt", 1, 10_000),
        (GROK, "prompt", 0, 10_000),
        (SDXL, "imageMetadata", 0, 15_000),
    ],
)
def test_texts_have_their_limits(raw: JsonObject, member: str, least: int, most: int) -> None:
    for length in (least, most):
        assert read(raw | {member: "a" * length})
    for length in {least - 1, most + 1} - {-1}:
        assert list(errors_of(raw | {member: "a" * length})) == [member]


def test_image_metadata_is_measured_in_bytes() -> None:
    assert list(errors_of(SDXL | {"imageMetadata": "é" * 32_769})) == ["imageMetadata"]


@pytest.mark.parametrize(
    ("raw", "member", "least", "most"),
    [
        (FLUX1, "images", 0, 2),
        (KLEIN, "images", 0, 2),
        (DEV, "images", 0, 16),
        (KONTEXT, "images", 0, 16),
        (KLEIN | {"engine": "sdcpp", "ecosystem": "flux2Dev"}, "images", 0, 2),
        (KLEIN | {"engine": "comfy", "ecosystem": "flux2Dev"}, "images", 0, 9),
        (QWEN_20B | {"operation": "editImage"}, "images", 1, 10),
        (QWEN_EDIT, "images", 1, 3),
        (FAL | {"operation": "proEditImage"}, "images", 1, 3),
        (SEEDREAM, "images", 0, 10),
        (GROK | {"operation": "editImage"}, "images", 1, 3),
        (SDXL, "embeddings", 0, 32),
    ],
)
def test_arrays_have_their_limits(raw: JsonObject, member: str, least: int, most: int) -> None:
    raw = {name: sent for name, sent in raw.items() if not (name == "model" and raw.get("ecosystem") == "flux2Dev")}
    item: Json = AIR if member == "embeddings" else PICTURE
    for count in (least, most):
        assert read(raw | {member: [item] * count})
    for count in {least - 1, most + 1} - {-1}:
        assert list(errors_of(raw | {member: [item] * count})) == [member]


def test_maps_and_control_nets_have_their_limits() -> None:
    assert read(SDXL | {"loras": {LORA.format(number): 1 for number in range(32)}})
    assert list(errors_of(SDXL | {"loras": {LORA.format(number): 1 for number in range(33)}})) == ["loras"]
    assert read(COMFY | {"controlNets": [NET] * 8})
    assert list(errors_of(COMFY | {"controlNets": [NET] * 9})) == ["controlNets"]


def test_loras_are_a_map_except_for_flux2_dev() -> None:
    assert read(KLEIN | {"loras": {AIR: "0.5"}})["loras"] == {AIR: 0.5}
    assert list(errors_of(KLEIN | {"loras": [{"air": AIR}]})) == ["loras"]
    assert read(DEV | {"loras": [{"air": AIR}]})["loras"] == ({"air": AIR, "strength": 1},)
    assert list(errors_of(DEV | {"loras": {AIR: 1}})) == ["loras"]
    assert read(DEV | {"loras": [{"air": AIR, "strength": end} for end in (0, 4)]})
    wrong = errors_of(DEV | {"loras": [{"air": AIR, "strength": 4.01}, {"air": AIR, "strength": -0.01}, {}]})
    assert list(wrong) == ["loras[0].strength", "loras[1].strength", "loras[2].air"]


@pytest.mark.parametrize(
    "reference",
    [
        PICTURE,
        "HTTP://example.com/a.png?size=1#top",
        "https://example.com/" + "a" * (8192 - 20),
        f"data:image/png;base64,{PIXEL}",
        f"data:image/svg+xml;charset=utf-8;base64,{PIXEL}",
        PIXEL,
        PIXEL[:40] + "\r\n" + PIXEL[40:],
    ],
)
def test_an_image_is_a_web_url_a_data_url_or_base64(reference: str) -> None:
    assert read(SEEDREAM | {"images": [reference]})["images"] == (reference,)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "file:///etc/passwd",
        "FTP://example.com/a.png",
        "javascript:alert(1)",
        "gopher://example.com",
        "//example.com/a.png",
        "https://",
        "https:///a.png",
        "http://[::1/a.png",
        "http://example.com:99999/a.png",
        "https://example.com/a b.png",
        "https://example.com/\n",
        "https://example.com/" + "a" * (8193 - 20),
        f"data:text/html;base64,{PIXEL}",
        "data:image/png;base64,",
        "data:image/png,abc",
        "not base64!",
        PIXEL[:-3],
        "café",
        {"url": PICTURE},
        7,
        None,
    ],
)
def test_other_images_are_refused_where_they_stand(reference: Json) -> None:
    assert list(errors_of(SEEDREAM | {"images": [PICTURE, reference]})) == ["images[1]"]
    assert list(errors_of(SDXL | {"operation": "createVariant", "image": reference})) == ["image"]


@pytest.mark.parametrize("wrong", ["sdxl", "https://example.com/model.safetensors", "", 7])
def test_models_are_airs(wrong: Json) -> None:
    raw = SDXL | {"model": wrong, "vaeModel": wrong, "embeddings": [AIR, wrong]}
    assert errors_of(raw).keys() == {"model", "vaeModel", "embeddings[1]"}


def test_a_control_net_takes_an_air_a_url_or_nothing_for_an_image() -> None:
    for image in (AIR, PICTURE, PIXEL, None):
        assert read(COMFY | {"controlNets": [NET | {"image": image}]})
    for image in ("file:///etc/passwd", "civitai:1@2"):
        assert list(errors_of(COMFY | {"controlNets": [NET | {"image": image}]})) == ["controlNets[0].image"]


def test_a_control_net_says_what_how_much_and_when() -> None:
    missing = errors_of(COMFY | {"controlNets": [NET, {}]})
    assert [path.removeprefix("controlNets[1].") for path in missing] == [*NET]
    assert list(errors_of(COMFY | {"controlNets": [NET | {"weight": True}]})) == ["controlNets[0].weight"]
    assert read(COMFY | {"controlNets": [NET | {"preprocessor": "DEPTHANYTHINGV2"}]})


def test_inpainting_needs_a_mask() -> None:
    inpaint = NET | {"preprocessor": "inpaint"}
    assert list(errors_of(COMFY | {"controlNets": [inpaint]})) == ["controlNets[0].mask"]
    assert read(COMFY | {"controlNets": [inpaint | {"mask": PICTURE}]})


@pytest.mark.parametrize(
    ("clip_skip", "accepted"), [(-2, False), (-1, True), (0, True), (12, True), (13, False), (None, False)]
)
def test_clip_skip_may_be_left_to_the_model(clip_skip: int | None, accepted: bool) -> None:
    raw = SDXL | {"ecosystem": "sd1", "clipSkip": clip_skip}
    if accepted:
        assert read(raw)["clipSkip"] == clip_skip
    else:
        assert list(errors_of(raw)) == ["clipSkip"]


@pytest.mark.parametrize("model", ["max", "plus"])
def test_some_qwen_models_make_one_image_at_a_time(model: str) -> None:
    assert read(QWEN | {"model": model, "quantity": 1})
    assert list(errors_of(QWEN | {"quantity": 2, "model": model})) == ["quantity"]


def test_qwen_edit_takes_neither_a_size_nor_a_quantity() -> None:
    assert read(QWEN_EDIT | {"model": "edit"})
    wrong = QWEN_EDIT | {"width": 1024, "height": 1024, "quantity": 2, "model": "edit"}
    assert errors_of(wrong).keys() == {"width", "height", "quantity"}
