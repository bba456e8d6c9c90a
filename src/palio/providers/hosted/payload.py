"""The body of a submission, from a job and what the catalog says of its model. Pure."""

import base64
from collections.abc import Sequence

from palio.contract.image.job import ImageJob, Lora, Operation, OutputFormat
from palio.contract.json import JsonObject
from palio.providers.catalog.fitting import Fit, sampling_of, weights_address
from palio.providers.catalog.model import Form, Images, Loras, Model, Number, Size


def payload_of(fit: Fit, job: ImageJob, pictures: Sequence[str]) -> JsonObject:
    """The members that a model takes for a job that fits it. `pictures` are the job's images as the vendor wants them.

    What a job leaves to the model is left out. A field `a.b` is a member of an object `a`.
    """
    model = fit.model
    body: JsonObject = {**model.extra, model.prompt.field: job.prompt}
    body |= _shape(model, fit)
    body |= _texts(model, job)
    body |= _numbers(model, job)
    body |= _pictures(model.images, pictures)
    if model.loras is not None and job.loras:
        body[model.loras.field] = [_lora(model.loras, lora) for lora in job.loras]
    if model.format is not None:
        first = next(iter(model.format.words.values()))
        body[model.format.field] = model.format.words.get(job.format.value, first)
    body |= {model.options[name]: value for name, value in job.options.items() if name in model.options}
    return nested(body)


def nested(flat: JsonObject) -> JsonObject:
    """Members named `a.b` as members of objects; of two with the same name the later one counts.

    An object that comes after some of its members is put over them.
    """
    body: JsonObject = {}
    for path, value in flat.items():
        *parents, name = path.split(".")
        at = body
        for parent in parents:
            below = at.setdefault(parent, {})
            if not isinstance(below, dict):
                raise ValueError(f"{path}: {parent} is a value already")
            at = below
        before = at.get(name)
        at[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return body


def data_url(data: bytes) -> str:
    """A picture as a data URL."""
    return f"data:{media_type(data)};base64,{base64.b64encode(data).decode()}"


def media_type(data: bytes) -> str:
    """The media type of a picture. PNG, JPEG and WebP are told by their first bytes."""
    if data.startswith(b"\x89PNG"):
        return OutputFormat.png.media_type
    return OutputFormat.jpeg.media_type if data.startswith(b"\xff\xd8") else OutputFormat.webp.media_type


def _lora(loras: Loras, lora: Lora) -> JsonObject:
    address: JsonObject = {**loras.extra, loras.path: weights_address(lora.air, loras.written)}
    return address | dict.fromkeys(loras.scale, lora.strength)


def _shape(model: Model, fit: Fit) -> JsonObject:
    if model.size is not None:
        return {**model.size.extra, **_sides(model.size, fit)}
    if model.aspect is None:
        return {}
    if model.aspect.sides:
        return {"width": fit.width, "height": fit.height} if fit.aspect else {}
    aspect = fit.aspect or model.aspect.of_source
    return {model.aspect.field: aspect} if aspect else {}


def _sides(size: Size, fit: Fit) -> JsonObject:
    sides: JsonObject = {"width": fit.width, "height": fit.height}
    if size.field is None:
        return sides
    return {size.field: f"{fit.width}{size.between}{fit.height}" if size.between else sides}


def _texts(model: Model, job: ImageJob) -> JsonObject:
    body: JsonObject = {}
    if model.negative_prompt is not None and job.negative_prompt:
        body[model.negative_prompt.field] = job.negative_prompt
    if model.checkpoint is not None:
        body[model.checkpoint.field] = weights_address(job.model, model.checkpoint.written)
    if model.sampling is not None and (wanted := sampling_of(job)):
        body[model.sampling.field] = model.sampling.words[wanted]
    for words, value in ((model.sampler, job.sampler), (model.scheduler, job.scheduler)):
        if words is not None and value is not None and value in words.words:
            body[words.field] = words.words[value]
    return body


def _numbers(model: Model, job: ImageJob) -> JsonObject:
    strength = job.strength if job.operation is Operation.variant else None
    chosen: tuple[tuple[Number | None, float | None], ...] = (
        (model.seed, job.seed),
        (model.steps, job.steps),
        (model.guidance, job.guidance),
        (model.clip_skip, job.clip_skip),
        (model.strength, strength),
    )
    return {number.field: value + number.plus for number, value in chosen if number is not None and value is not None}


def _pictures(images: Images | None, pictures: Sequence[str]) -> JsonObject:
    if images is None or not pictures:
        return {}
    match images.form:
        case Form.single:
            return {images.field: pictures[0]}
        case Form.many:
            return {images.field: list(pictures)}
        case Form.numbered:
            names = (images.field if nth == 1 else f"{images.field}_{nth}" for nth in range(1, len(pictures) + 1))
            return dict(zip(names, pictures, strict=True))
