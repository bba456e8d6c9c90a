"""The jobs that imageGen inputs become."""

import pytest

from palio.contract.image.job import ControlNet, ImageJob, Lora, Operation, OutputFormat
from palio.contract.json import JsonObject
from palio.contract.steps import ImageStepInput, read_input

PICTURE = "https://example.com/harbour.png"
OTHER = "https://example.com/boat.png"
AIR = "urn:air:sdxl:checkpoint:civitai:101055@128078"
VAE = "urn:air:sdxl:vae:civitai:1@2"
LORA = "urn:air:sdxl:lora:civitai:1@2"
SDXL: JsonObject = {
    "engine": "sdcpp",
    "ecosystem": "sdxl",
    "operation": "createImage",
    "model": AIR,
    "prompt": "a heron among reeds",
}


def jobs_of(raw: JsonObject) -> tuple[ImageJob, ...]:
    found = read_input("imageGen", raw, "steps[0].input")
    assert isinstance(found, ImageStepInput)
    return found.jobs()


def job_of(raw: JsonObject) -> ImageJob:
    (job,) = jobs_of(raw)
    return job


def test_a_stable_diffusion_cpp_input_becomes_a_job() -> None:
    raw: JsonObject = SDXL | {
        "operation": "createVariant",
        "image": PICTURE,
        "strength": 0.4,
        "negativePrompt": "blur",
        "width": 896,
        "height": 1152,
        "seed": 7,
        "steps": 24,
        "cfgScale": 6,
        "sampleMethod": "euler_a",
        "schedule": "karras",
        "vaeModel": VAE,
        "loras": {LORA: 0.8},
        "embeddings": ["civitai:9"],
        "uCache": "normal",
        "outputFormat": "webP",
        "imageMetadata": "by hand",
    }
    assert job_of(raw) == ImageJob(
        engine="sdcpp",
        family="sdxl",
        model=AIR,
        operation=Operation.variant,
        prompt="a heron among reeds",
        negative_prompt="blur",
        width=896,
        height=1152,
        seed=7,
        steps=24,
        guidance=6,
        sampler="euler_a",
        scheduler="karras",
        loras=(Lora(LORA, 0.8),),
        embeddings=("civitai:9",),
        components={"vae": VAE},
        images=(PICTURE,),
        strength=0.4,
        format=OutputFormat.webp,
        image_metadata="by hand",
        options={"uCache": "normal"},
    )


def test_a_comfy_input_becomes_a_job() -> None:
    raw: JsonObject = SDXL | {
        "engine": "comfy",
        "ecosystem": "sd1",
        "operation": "createVariant",
        "image": PICTURE,
        "sampler": "lms",
        "scheduler": "beta",
        "clipSkip": 1,
        "controlNets": [{"preprocessor": "canny", "weight": 1, "startStep": 0, "endStep": 0.5, "image": OTHER}],
    }
    assert job_of(raw) == ImageJob(
        engine="comfy",
        family="sd1",
        model=AIR,
        operation=Operation.variant,
        prompt="a heron among reeds",
        width=512,
        height=512,
        seed=None,
        steps=30,
        guidance=7,
        sampler="lms",
        scheduler="beta",
        clip_skip=1,
        control_nets=(ControlNet("canny", 1, 0, 0.5, OTHER),),
        images=(PICTURE,),
        strength=0.75,
    )


@pytest.mark.parametrize(
    ("raw", "family", "model"),
    [
        ({"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": AIR}, "flux1", AIR),
        ({"engine": "comfy", "ecosystem": "flux1", "operation": "createImage", "model": AIR}, "flux1", AIR),
        ({"engine": "flux1-kontext", "model": "max"}, "flux1-kontext", "max"),
        ({"engine": "flux2", "model": "klein", "operation": "createImage"}, "flux2", "klein"),
        ({"engine": "flux2", "model": "pro", "operation": "createImage"}, "flux2", "pro"),
        ({"engine": "sdcpp", "ecosystem": "flux2Klein", "operation": "createImage"}, "flux2", "klein"),
        ({"engine": "sdcpp", "ecosystem": "flux2Dev", "operation": "createImage"}, "flux2", "dev"),
        ({"engine": "comfy", "ecosystem": "flux2Dev", "operation": "createImage"}, "flux2", "dev"),
        ({"engine": "sdcpp", "ecosystem": "sd1", "operation": "createImage", "model": AIR}, "sd1", AIR),
        ({"engine": "sdcpp", "ecosystem": "zImage", "model": "turbo", "operation": "createImage"}, "zImage", "turbo"),
        ({"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage"}, "qwen", "20b"),
        ({"engine": "qwen", "model": "2.0-pro"}, "qwen", "2.0-pro"),
        ({"engine": "fal", "model": "qwen2", "operation": "createImage"}, "qwen", "qwen2"),
        ({"engine": "fal", "model": "qwen2", "operation": "proCreateImage"}, "qwen", "qwen2-pro"),
        ({"engine": "seedream", "version": "v4"}, "seedream", "v4"),
        ({"engine": "grok", "operation": "createImage"}, "grok", "grok"),
    ],
)
def test_a_job_names_the_family_and_which_of_it(raw: JsonObject, family: str, model: str) -> None:
    job = job_of(raw | {"prompt": "a heron"})
    assert (job.engine, job.family, job.model) == (raw["engine"], family, model)


@pytest.mark.parametrize(
    "raw",
    [
        {"engine": "flux2", "model": "klein", "operation": "createImage"},
        {"engine": "sdcpp", "ecosystem": "flux2Klein", "operation": "createImage"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("sent", "steps", "guidance"),
    [
        ({}, None, None),
        ({"modelVersion": "9b"}, None, None),
        ({"steps": 20}, 20, None),
        ({"cfgScale": 5}, None, 5),
        ({"negativePrompt": "rust"}, None, 5),
        ({"modelVersion": "4b-base"}, 20, 5),
        ({"modelVersion": "9b-base", "steps": 30, "cfgScale": 3}, 30, 3),
    ],
    ids=str,
)
def test_steps_and_guidance_that_were_not_sent_are_left_to_a_distilled_klein(
    raw: JsonObject, sent: JsonObject, steps: int | None, guidance: float | None
) -> None:
    job = job_of(raw | {"prompt": "a heron"} | sent)
    assert (job.steps, job.guidance) == (steps, guidance)


@pytest.mark.parametrize(
    ("raw", "operation"),
    [
        ({"engine": "flux1-kontext", "model": "dev"}, Operation.create),
        ({"engine": "flux1-kontext", "model": "dev", "images": []}, Operation.create),
        ({"engine": "flux1-kontext", "model": "dev", "images": [PICTURE, OTHER]}, Operation.edit),
        ({"engine": "seedream", "images": [PICTURE, OTHER]}, Operation.edit),
        ({"engine": "grok", "operation": "editImage", "images": [PICTURE, OTHER]}, Operation.edit),
        ({"engine": "flux2", "model": "klein", "operation": "editImage", "images": [PICTURE, OTHER]}, Operation.edit),
        ({"engine": "flux2", "model": "klein", "operation": "editImage"}, Operation.create),
        (
            {"engine": "sdcpp", "ecosystem": "flux2Klein", "operation": "createVariant", "image": PICTURE},
            Operation.variant,
        ),
    ],
)
def test_the_pictures_sent_along_decide_the_operation(raw: JsonObject, operation: Operation) -> None:
    job = job_of(raw | {"prompt": "a heron"})
    assert job.operation is operation
    assert list(job.images) == raw.get("images", [raw["image"]] if "image" in raw else [])
    assert job.strength == (0.7 if operation is Operation.variant else None)


@pytest.mark.parametrize(
    ("aspect", "width", "height"),
    [("1:1", 1024, 1024), ("16:9", 1360, 768), ("9:16", 768, 1360), ("21:9", 1568, 672), ("3:2", 1248, 832)],
)
def test_an_aspect_ratio_also_becomes_pixels(aspect: str, width: int, height: int) -> None:
    job = job_of({"engine": "flux1-kontext", "model": "pro", "aspectRatio": aspect, "prompt": "a heron"})
    assert (job.aspect, job.width, job.height) == (aspect, width, height)


def test_grok_edits_in_the_shape_of_the_source() -> None:
    create = job_of({"engine": "grok", "operation": "createImage", "aspectRatio": "9:19.5", "prompt": "a heron"})
    edit = job_of({"engine": "grok", "operation": "editImage", "images": [PICTURE], "prompt": "a heron"})
    assert create.aspect == "9:19.5"
    assert edit.aspect is None


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        ({"engine": "qwen"}, (1024, 1024)),
        ({"engine": "qwen", "model": "max"}, (1328, 1328)),
        ({"engine": "qwen", "operation": "editImage", "images": [PICTURE]}, (1024, 1024)),
        (
            {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "editImage", "images": [PICTURE]},
            (1024, 1024),
        ),
        (
            {
                **{"engine": "sdcpp", "ecosystem": "qwen", "model": "20b"},
                **{"operation": "createVariant", "image": PICTURE, "width": 640},
            },
            (640, 1024),
        ),
        ({"engine": "fal", "model": "qwen2", "operation": "createImage", "imageSize": "portrait_4_3"}, (768, 1024)),
    ],
)
def test_a_size_left_to_the_server_is_chosen(raw: JsonObject, size: tuple[int, int]) -> None:
    job = job_of(raw | {"prompt": "a heron"})
    assert (job.width, job.height) == size


def test_parts_of_a_model_can_be_replaced() -> None:
    flux: JsonObject = {"engine": "sdcpp", "ecosystem": "flux1", "operation": "createImage", "diffuserModel": AIR}
    parts: JsonObject = {"vaeModel": VAE, "clipLModel": "civitai:3", "t5XXLModel": "civitai:4"}
    assert job_of(flux | parts | {"prompt": ""}).components == {"vae": VAE, "clipL": "civitai:3", "t5xxl": "civitai:4"}
    assert job_of(flux | {"prompt": ""}).components == {}
    z_image: JsonObject = {"engine": "sdcpp", "ecosystem": "zImage", "model": "base", "operation": "createImage"}
    assert job_of(z_image | {"diffuserModel": AIR, "prompt": ""}).components == {"diffuser": AIR}


def test_flux2_dev_has_its_own_words_for_the_same_things() -> None:
    raw: JsonObject = {
        **{"engine": "flux2", "model": "dev", "operation": "createImage", "prompt": "a heron"},
        **{"guidanceScale": 3, "numInferenceSteps": 30, "loras": [{"air": LORA, "strength": 2}, {"air": AIR}]},
    }
    job = job_of(raw)
    assert (job.guidance, job.steps, job.loras) == (3, 30, (Lora(LORA, 2), Lora(AIR, 1)))


def test_switches_travel_by_their_wire_name() -> None:
    klein = job_of({"engine": "flux2", "model": "klein", "operation": "createImage", "prompt": "a heron"})
    assert klein.options == {"enablePromptExpansion": False, "modelVersion": "4b"}
    qwen = job_of({"engine": "qwen", "prompt": "a heron", "watermark": True})
    assert qwen.options == {"promptExtend": True, "watermark": True}


def test_clip_skip_minus_one_is_the_models_own_choice() -> None:
    assert job_of(SDXL | {"ecosystem": "sd1"}).clip_skip == 2
    assert job_of(SDXL | {"ecosystem": "sd1", "clipSkip": -1}).clip_skip is None


def test_every_image_has_a_job_with_the_next_seed() -> None:
    assert [job.seed for job in jobs_of(SDXL | {"seed": 41, "quantity": 3})] == [41, 42, 43]


def test_without_a_seed_no_job_has_one() -> None:
    assert [job.seed for job in jobs_of(SDXL | {"quantity": 3})] == [None, None, None]
    assert [job.seed for job in jobs_of(SDXL | {"quantity": 2, "seed": None})] == [None, None]


@pytest.mark.parametrize(
    ("raw", "lowest", "highest"),
    [(SDXL, -(2**63), 2**63 - 1), ({"engine": "seedream", "prompt": "a heron"}, -(2**31), 2**31 - 1)],
)
def test_seeds_start_over_past_the_highest(raw: JsonObject, lowest: int, highest: int) -> None:
    seeds = [job.seed for job in jobs_of(raw | {"seed": str(highest - 1), "quantity": 4})]
    assert seeds == [highest - 1, highest, lowest, lowest + 1]
