"""Whether a model can do a job exactly as asked, at which size and for how much. Pure.

A job is never bent to a model: what the model cannot do is a reason, in words for the job's owner. Two things are the
vendor's to decide: a size that it rounds, which the fit names, and the seed of a model that takes none.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from palio.contract.air import is_air, parse_air
from palio.contract.image.aspect import ratio
from palio.contract.image.job import ImageJob, Operation
from palio.providers.catalog.model import MEGAPIXEL, Aspect, Model, Number, Size, Text, Written


@dataclass(frozen=True, slots=True)
class Fit:
    """A model that can do a job: the pixels that will come out, and USD (None: not known).

    `aspect` is the ratio to ask a model for that has aspect ratios; None keeps that of the picture that is edited.
    """

    model: Model
    width: int
    height: int
    aspect: str | None
    price: float | None


def is_meant(model: Model, job: ImageJob) -> bool:
    """Whether a model is the one that a job names, whatever else the job asks for."""
    if model.family != job.family or job.operation not in model.operations:
        return False
    if any(job.options.get(name) not in (None, *values) for name, values in model.chosen_by.items()):
        return False
    return "*" in model.members or short_name(job.model) in model.members


def fit(model: Model, job: ImageJob) -> Fit | str:
    """How a model that is meant does a job, or the first reason why it cannot."""
    if reason := next(_reasons(model, job), None):
        return reason
    aspect = _aspect_of(job, model.aspect.known) if model.aspect is not None else None
    width, height = _sides_of(model.aspect, aspect) or _rounded(model.size, job)
    price = model.price.of(width * height, job.steps, len(job.images)) if model.price is not None else None
    return Fit(model, width, height, aspect, price)


def weights_address(air: str, written: Written = Written.url) -> str | None:
    """What tells a vendor which checkpoint or LoRA to load; None if it cannot be said so."""
    parsed = parse_air(air)
    source, version = parsed.source.lower(), parsed.version
    if source == "huggingface":
        return parsed.id if written is Written.url else None
    if source != "civitai" or version is None or not version.isdigit():
        return None
    match written:
        case Written.url:
            return f"https://civitai.com/api/download/models/{version}"
        case Written.air:
            return f"civitai:{parsed.id}@{version}"
        case Written.version:
            return version


def short_name(model: str) -> str:
    """A model as catalogs name it: a checkpoint's source, id and version, or the tier as it is."""
    if not is_air(model):
        return model
    air = parse_air(model)
    return f"{air.source}:{air.id}@{air.version}" if air.version else f"{air.source}:{air.id}"


def _reasons(model: Model, job: ImageJob) -> Iterator[str]:
    yield from _shape_reasons(model, job)
    yield from _text_reasons(model, job)
    yield from _number_reasons(model, job)
    yield from _sampling_reasons(model, job)
    yield from _part_reasons(model, job)
    yield from _option_reasons(model, job)


def _shape_reasons(model: Model, job: ImageJob) -> Iterator[str]:
    if model.size is not None:
        yield from _size_reasons(model.size, job)
    elif model.aspect is not None:
        aspect = _aspect_of(job, model.aspect.known)
        if aspect is not None and aspect not in model.aspect.known:
            yield f"makes no images of {aspect}, only {', '.join(model.aspect.known)}"


def _size_reasons(size: Size, job: ImageJob) -> Iterator[str]:
    if size.only and (job.width, job.height) not in size.only:
        known = ", ".join(f"{width} x {height}" for width, height in size.only)
        yield f"makes images of {known} only, not {job.width} x {job.height}"
    for side in (job.width, job.height):
        if not size.least <= side <= size.most:
            yield f"makes sides of {size.least} to {size.most} pixels, not {side}"
        if side % size.multiple and not size.rounds:
            yield f"makes sides that are multiples of {size.multiple} pixels, not {side}"
    if not size.scales and not size.least_pixels <= job.width * job.height <= size.most_pixels:
        yield f"makes images of {size.least_pixels} to {size.most_pixels} pixels, not {job.width} x {job.height}"


def _aspect_of(job: ImageJob, known: tuple[str, ...]) -> str | None:
    """The aspect that a job asks for: by name, or by pixels that are one of the `known` at about a megapixel.

    None for an edit that names none: it keeps that of its picture.
    """
    if job.aspect is not None or job.operation is not Operation.create:
        return job.aspect
    is_usual = abs(job.width * job.height / MEGAPIXEL - 1) < 0.1
    same = (aspect for aspect in known if is_usual and abs(ratio(aspect) - job.width / job.height) < 1e-9)
    return next(same, f"{job.width}:{job.height}")


def _sides_of(aspect: Aspect | None, ratio: str | None) -> tuple[int, int] | None:
    """The pixels that a ratio comes out with; None where the vendor chooses them."""
    if aspect is None or ratio is None or not aspect.sides:
        return None
    return aspect.sides[aspect.known.index(ratio)]


def _rounded(size: Size | None, job: ImageJob) -> tuple[int, int]:
    """The pixels that come out: the job's own, unless the vendor makes only others."""
    if size is None:
        return job.width, job.height
    pixels, grain = job.width * job.height, size.multiple
    wanted = min(max(pixels, size.least_pixels), size.most_pixels)
    if wanted == pixels:
        return (job.width + grain // 2) // grain * grain, (job.height + grain // 2) // grain * grain
    towards = math.ceil if wanted > pixels else math.floor
    factor = math.sqrt(wanted / pixels)
    return towards(job.width * factor / grain) * grain, towards(job.height * factor / grain) * grain


def _text_reasons(model: Model, job: ImageJob) -> Iterator[str]:
    yield from _too_long("prompt", model.prompt, job.prompt)
    if job.negative_prompt and "negative_prompt" not in model.ignores:
        if model.negative_prompt is None:
            yield "takes no negative prompt"
        else:
            yield from _too_long("negative prompt", model.negative_prompt, job.negative_prompt)


def _too_long(name: str, text: Text, value: str) -> Iterator[str]:
    if text.longest is not None and len(value) > text.longest:
        yield f"takes a {name} of at most {text.longest} characters, not {len(value)}"


def _number_reasons(model: Model, job: ImageJob) -> Iterator[str]:
    # A model without a seed makes another image each time, which is all that can be done with it.
    if model.seed is not None:
        yield from _number_reason(model, "seed", model.seed, job.seed)
    yield from _number_reason(model, "steps", model.steps, job.steps)
    yield from _number_reason(model, "guidance", model.guidance, job.guidance)
    yield from _number_reason(model, "clip_skip", model.clip_skip, job.clip_skip)
    if job.operation is Operation.variant:
        yield from _number_reason(model, "strength", model.strength, job.strength)


def _number_reason(model: Model, name: str, number: Number | None, value: float | None) -> Iterator[str]:
    if value is None or name in model.ignores:
        return
    if number is None:
        allowed = model.always.get(name, ())
        if value not in allowed:
            yield _only(name, allowed, value)
    elif not number.least <= value <= number.most:
        yield f"takes {name} from {number.least:g} to {number.most:g}, not {value:g}"


def _sampling_reasons(model: Model, job: ImageJob) -> Iterator[str]:
    if model.sampling is not None:
        if (wanted := sampling_of(job)) and wanted not in model.sampling.words:
            yield f"has no sampler {wanted}"
        return
    chosen = (("sampler", model.sampler, job.sampler), ("scheduler", model.scheduler, job.scheduler))
    for name, words, value in chosen:
        allowed = words.words if words is not None else model.always.get(name, ())
        if value is not None and name not in model.ignores and value not in allowed:
            yield f"has no {name} {value}" if words is not None else _only(name, tuple(allowed), value)


def sampling_of(job: ImageJob) -> str:
    """Sampler and scheduler as catalogs spell them; empty where the job leaves both to the model."""
    return "/".join(filter(None, (job.sampler, job.scheduler)))


def _part_reasons(model: Model, job: ImageJob) -> Iterator[str]:
    if model.images is not None and not model.images.least <= len(job.images) <= model.images.most:
        yield f"works from {model.images.least} to {model.images.most} images, not {len(job.images)}"
    if model.checkpoint is not None and _address(job.model, model.checkpoint.written) is None:
        yield f"cannot load the checkpoint {job.model}"
    if job.loras:
        yield from _lora_reasons(model, job)
    if job.embeddings and not model.embeddings:
        yield "takes no embeddings"
    if job.control_nets and not model.control_nets:
        yield "takes no ControlNets"
    if fixed := [part for part in job.components if part not in model.components]:
        yield f"takes no other {', '.join(fixed)} than its own"


def _address(air: str, written: Written) -> str | None:
    return weights_address(air, written) if is_air(air) else None


def _lora_reasons(model: Model, job: ImageJob) -> Iterator[str]:
    if model.loras is None:
        yield "takes no LoRAs"
        return
    if len(job.loras) > model.loras.most:
        yield f"takes at most {model.loras.most} LoRAs, not {len(job.loras)}"
    for lora in job.loras if model.loras.sources else ():
        known = is_air(lora.air) and parse_air(lora.air).source.lower() in model.loras.sources
        if not known or _address(lora.air, model.loras.written) is None:
            yield f"cannot load the LoRA {lora.air}"


def _option_reasons(model: Model, job: ImageJob) -> Iterator[str]:
    for name, value in job.options.items():
        if (
            name in model.options
            or name in model.chosen_by
            or name in model.ignores
            or value in model.always.get(name, ())
        ):
            continue
        # What a model has no switch for it does not do, which is all that `false` asks.
        if value is not False or name in model.always:
            yield _only(name, model.always.get(name, ()), value)


def _only(name: str, allowed: tuple[bool | int | float | str, ...], value: object) -> str:
    if allowed:
        return f"has {name} {' or '.join(map(str, allowed))} only, not {value}"
    return f"takes no {name}; the job asks for {value}"
