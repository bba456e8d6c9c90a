"""From the normal form of a job back to the imageGen input that it would be read from. Pure.

Whether a job can be put into an input exactly is not worked out here a second time: what was written is read by the
contract itself, and has to come out as the same job. So bounds, defaults and prices are those of the contract.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pydantic
from msgspec.structs import replace

from palio.contract.air import is_air
from palio.contract.image.fields import members
from palio.contract.image.job import ControlNet, ImageJob
from palio.contract.image.variants import Variant, find_variant
from palio.contract.json import Json, JsonObject
from palio.contract.price import Price
from palio.errors import BadRequest

PICTURE = "aGVsbG8="
"""Stands for a picture as long as only the shape of an input matters."""

_OPERATIONS = {"create": "createImage", "edit": "editImage", "variant": "createVariant"}
_ECOSYSTEMS = {("flux2", "klein"): "flux2Klein", ("flux2", "dev"): "flux2Dev"}
_PARTS = {"vae": "vaeModel", "clipL": "clipLModel", "t5xxl": "t5XXLModel", "diffuser": "diffuserModel"}
_OWN_CLIP_SKIP = {"sdxl": 2}
"""What skipping layers comes to in any case, where an engine has no member for it."""
_SIZELESS = ("qwen", "edit")
"""The engine and model that keep the size of their picture and take none."""


@dataclass(frozen=True, slots=True)
class Written:
    """An input that is read as the job that it was written from, and what it costs, in Buzz."""

    input: JsonObject
    price: Price


def written(job: ImageJob) -> Written | str:
    """The input for a job, with `PICTURE` wherever it has one; or why there is no input that says the same."""
    plain = _plain(job)
    try:
        input_, variant = _input(plain, [PICTURE] * len(job.images))
        made = variant.model_validate(input_)
    except BadRequest as error:
        return f"has no such image: {error.detail}"
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"takes no such {'.'.join(map(str, first['loc']))}: {first['msg']}"
    if differing := next(_differences(plain, made.first_job()), None):
        return f"cannot be told {differing} for this model; the job has one"
    return Written(input_, made.price())


def input_of(job: ImageJob, pictures: Sequence[str]) -> JsonObject:
    """The input for a job that can be written, with the pictures that go with it. Raises BadRequest."""
    return _input(job, pictures)[0]


def _input(job: ImageJob, pictures: Sequence[str]) -> tuple[JsonObject, Variant]:
    raw = _discriminators(job)
    variant = find_variant(raw, "")
    if variant is None:
        raise BadRequest("its engine is not known")
    takes = members(variant).keys()
    said = {name: value for name, value in _said(job, pictures) if name in takes and name not in raw}
    if (job.engine, job.model) == _SIZELESS:
        del said["width"], said["height"]
    return {**raw, **said, **job.options}, variant


def _discriminators(job: ImageJob) -> JsonObject:
    """What leads to the variant, and the model by whatever name it has there."""
    operation = _OPERATIONS[job.operation]
    match job.engine:
        case "sdcpp" | "comfy":
            model = "diffuserModel" if (job.engine, job.family) == ("sdcpp", "flux1") else "model"
            ecosystem = _ECOSYSTEMS.get((job.family, job.model), job.family)
            named: JsonObject = {} if job.family == "flux2" else {model: job.model}
            return {"engine": job.engine, "ecosystem": ecosystem, "operation": operation, **named}
        case "flux1-kontext":
            return {"engine": job.engine, "model": job.model}
        case "seedream":
            return {"engine": job.engine, "version": job.model}
        case "grok":
            return {"engine": job.engine, "operation": operation}
        case "fal":
            model, _, tier = job.model.partition("-")
            pro = f"{tier}{operation[0].upper()}{operation[1:]}" if tier else operation
            return {"engine": job.engine, "model": model, "operation": pro}
        case _:
            return {"engine": job.engine, "model": job.model, "operation": operation}


def _said(job: ImageJob, pictures: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """What a job says, by every name that a variant may have for it. What a job leaves open is left out."""
    yield from (("prompt", job.prompt), ("outputFormat", job.format.value))
    yield from (("width", job.width), ("height", job.height))
    # Left out, it would be two layers; this says that it is the model's own.
    yield "clipSkip", -1 if job.clip_skip is None else job.clip_skip
    chosen: tuple[tuple[tuple[str, ...], Json], ...] = (
        (("negativePrompt",), job.negative_prompt or None),
        (("aspectRatio",), job.aspect),
        (("seed",), job.seed),
        (("steps", "numInferenceSteps"), job.steps),
        (("cfgScale", "guidanceScale"), job.guidance),
        (("sampleMethod", "sampler"), job.sampler),
        (("schedule", "scheduler"), job.scheduler),
        (("strength", "denoiseStrength"), job.strength),
        (("loras",), _loras(job)),
        (("embeddings",), list(job.embeddings) or None),
        (("controlNets",), [_control_net(net) for net in job.control_nets] or None),
        (("images",), list(pictures) or None),
        (("image",), pictures[0] if pictures else None),
    )
    yield from ((name, value) for names, value in chosen for name in names if value is not None)
    yield from ((_PARTS[part], air) for part, air in job.components.items() if part in _PARTS)


def _loras(job: ImageJob) -> Json:
    if (job.engine, job.model) == ("flux2", "dev"):
        return [{"air": lora.air, "strength": lora.strength} for lora in job.loras] or None
    return {lora.air: lora.strength for lora in job.loras} or None


def _control_net(net: ControlNet) -> JsonObject:
    pictures: JsonObject = {name: value for name, value in (("image", net.image), ("mask", net.mask)) if value}
    numbers: JsonObject = {"weight": net.weight, "startStep": net.start_step, "endStep": net.end_step}
    return {"preprocessor": net.preprocessor, **numbers, **pictures}


def _plain(job: ImageJob) -> ImageJob:
    """The job without what is as large as a picture, and with `PICTURE` in its place."""
    nets = tuple(
        replace(
            net,
            image=PICTURE if net.image is not None and not is_air(net.image) else net.image,
            mask=PICTURE if net.mask is not None else None,
        )
        for net in job.control_nets
    )
    return replace(job, images=(PICTURE,) * len(job.images), control_nets=nets)


def _differences(asked: ImageJob, read: ImageJob) -> Iterator[str]:
    """The members in which two jobs differ as far as that can be seen in a picture.

    A model without a seed makes another picture each time, and Palio writes the metadata itself.
    """
    for name in ImageJob.__struct_fields__:
        wanted, given = getattr(asked, name), getattr(read, name)
        if wanted == given or name == "image_metadata" or (name == "seed" and given is None):
            continue
        if name == "clip_skip" and given is None and wanted == _OWN_CLIP_SKIP.get(asked.family):
            continue
        yield name
