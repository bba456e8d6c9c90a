"""How each family makes a picture, as a graph. Pure.

Encoders, shifts and guiders are those of the templates that ComfyUI ships for the family.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from palio.contract.image.job import ImageJob, Operation
from palio.contract.json import JsonObject
from palio.providers.comfyui.control import Control, with_controls
from palio.providers.comfyui.graph import Graph, Input, Output
from palio.providers.comfyui.parts import (
    LoraFile,
    Prompts,
    Weights,
    checkpoint,
    nothing,
    picture,
    saved,
    separate,
    text,
    with_loras,
    with_model_loras,
    with_vae,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recipe works from.

    `files` are by what they are, `pictures` names of what was uploaded, `sampler` and `scheduler` in ComfyUI's words.
    `hints` are names of what was uploaded for `controls`.
    """

    job: ImageJob
    width: int
    height: int
    files: Mapping[str, str]
    loras: Sequence[LoraFile]
    pictures: Sequence[str]
    sampler: str
    scheduler: str
    prefix: str
    controls: Sequence[Control] = ()
    hints: Sequence[str] = ()


Recipe = Callable[[Graph, Plan], None]


def graph_of(recipe: str, plan: Plan) -> JsonObject:
    """The graph that a recipe makes of a plan."""
    graph = Graph()
    RECIPES[recipe](graph, plan)
    return graph.nodes


def stable_diffusion(graph: Graph, plan: Plan) -> None:
    """SD 1.x and SDXL."""
    weights = with_loras(graph, _checkpoint(graph, plan), plan.loras)
    clip = weights.clip
    if plan.job.clip_skip is not None:
        clip = graph.add("CLIPSetLastLayer", clip=clip, stop_at_clip_layer=-plan.job.clip_skip)
    prompts = Prompts(text(graph, clip, plan.job.prompt), text(graph, clip, plan.job.negative_prompt))
    prompts = with_controls(graph, plan.controls, plan.hints, prompts)
    latent = _start(graph, plan, weights, "EmptyLatentImage")
    _sampled(graph, plan, weights, weights.model, prompts, latent, cfg=_guidance(plan, 7.0), steps=20)


def flux1(graph: Graph, plan: Plan) -> None:
    """Flux 1, whose guidance is an input of the model and no CFG."""
    if "checkpoint" in plan.files:
        weights = _checkpoint(graph, plan)
    else:
        weights = _separate(graph, plan, "flux", ("clip_l", "t5xxl"))
    weights = with_model_loras(graph, weights, plan.loras)
    words = text(graph, weights.clip, plan.job.prompt)
    guided = graph.add("FluxGuidance", conditioning=words, guidance=_guidance(plan, 3.5))
    prompts = with_controls(graph, plan.controls, plan.hints, Prompts(guided, nothing(graph, words)), weights.vae)
    latent = _start(graph, plan, weights, "EmptySD3LatentImage")
    _sampled(graph, plan, weights, weights.model, prompts, latent, cfg=1.0, steps=20)


def flux2(graph: Graph, plan: Plan) -> None:
    """Flux 2 dev. The hosted engine's guidance is an input of the model; what other engines call so is CFG."""
    weights = with_model_loras(graph, _separate(graph, plan, "flux2", ("clip",)), plan.loras)
    is_cfg = plan.job.engine != "flux2"
    embedded = 4.0 if is_cfg else _guidance(plan, 4.0)
    words = text(graph, weights.clip, plan.job.prompt)
    positive = graph.add("FluxGuidance", conditioning=_with_references(graph, plan, weights, words), guidance=embedded)
    if is_cfg and _guidance(plan, 1.0) != 1.0:
        negative = text(graph, weights.clip, plan.job.negative_prompt)
        guider = _cfg_guider(graph, plan, weights, Prompts(positive, negative), 1.0)
    else:
        guider = graph.add("BasicGuider", model=weights.model, conditioning=positive)
    _custom_sampled(graph, plan, weights, guider, steps=20)


def flux2_klein(graph: Graph, plan: Plan) -> None:
    """Flux 2 klein, distilled or base."""
    weights = with_model_loras(graph, _separate(graph, plan, "flux2", ("clip",)), plan.loras)
    words = text(graph, weights.clip, plan.job.prompt)
    is_guided = _guidance(plan, 1.0) != 1.0
    against = text(graph, weights.clip, plan.job.negative_prompt) if is_guided else nothing(graph, words)
    prompts = Prompts(_with_references(graph, plan, weights, words), _with_references(graph, plan, weights, against))
    # A job that names no steps is for a distilled one.
    _custom_sampled(graph, plan, weights, _cfg_guider(graph, plan, weights, prompts, 1.0), steps=4)


def z_image(graph: Graph, plan: Plan) -> None:
    """Z-Image, turbo or base."""
    weights = with_model_loras(graph, _separate(graph, plan, "lumina2", ("clip",)), plan.loras)
    words = text(graph, weights.clip, plan.job.prompt)
    is_guided = _guidance(plan, 1.0) > 1.0
    against = text(graph, weights.clip, plan.job.negative_prompt) if is_guided else nothing(graph, words)
    model = graph.add("ModelSamplingAuraFlow", model=weights.model, shift=3.0)
    latent = _start(graph, plan, weights, "EmptySD3LatentImage")
    cfg = max(_guidance(plan, 1.0), 1.0)
    _sampled(graph, plan, weights, model, Prompts(words, against), latent, cfg=cfg, steps=9)


def qwen(graph: Graph, plan: Plan) -> None:
    """Qwen-Image from words, or from a picture to vary."""
    weights = with_model_loras(graph, _separate(graph, plan, "qwen_image", ("clip",)), plan.loras)
    prompts = Prompts(text(graph, weights.clip, plan.job.prompt), text(graph, weights.clip, plan.job.negative_prompt))
    model = graph.add("ModelSamplingAuraFlow", model=weights.model, shift=3.1)
    latent = _start(graph, plan, weights, "EmptySD3LatentImage")
    _sampled(graph, plan, weights, model, prompts, latent, cfg=_guidance(plan, 2.5), steps=20)


def qwen_edit(graph: Graph, plan: Plan) -> None:
    """Qwen-Image-Edit, which reads its pictures together with the words."""
    weights = with_model_loras(graph, _separate(graph, plan, "qwen_image", ("clip",)), plan.loras)
    scaled = [graph.add("FluxKontextImageScale", image=graph.add("LoadImage", image=name)) for name in plan.pictures]

    def read(words: str) -> Output:
        images: dict[str, Input] = {f"image{nth}": image for nth, image in enumerate(scaled, 1)}
        read = graph.add(
            "TextEncodeQwenImageEditPlus", {"clip": weights.clip, "vae": weights.vae, "prompt": words, **images}
        )
        return graph.add(
            "FluxKontextMultiReferenceLatentMethod", conditioning=read, reference_latents_method="index_timestep_zero"
        )

    prompts = Prompts(read(plan.job.prompt), read(plan.job.negative_prompt))
    shifted = graph.add("ModelSamplingAuraFlow", model=weights.model, shift=3.1)
    model = graph.add("CFGNorm", model=shifted, strength=1.0)
    # Everything is drawn anew, so an empty start is as good as the picture, and has the size that was asked for.
    latent = _empty(graph, plan, "EmptySD3LatentImage")
    _sampled(graph, plan, weights, model, prompts, latent, cfg=_guidance(plan, 2.5), steps=20)


RECIPES: Mapping[str, Recipe] = {
    "stable-diffusion": stable_diffusion,
    "flux1": flux1,
    "flux2": flux2,
    "flux2-klein": flux2_klein,
    "z-image": z_image,
    "qwen": qwen,
    "qwen-edit": qwen_edit,
}


def _checkpoint(graph: Graph, plan: Plan) -> Weights:
    return with_vae(graph, checkpoint(graph, plan.files["checkpoint"]), plan.files.get("vae"))


def _separate(graph: Graph, plan: Plan, clip_type: str, clips: Sequence[str]) -> Weights:
    names = [plan.files[clip] for clip in clips]
    return separate(graph, plan.files["unet"], names, clip_type, plan.files["vae"])


def _guidance(plan: Plan, otherwise: float) -> float:
    return otherwise if plan.job.guidance is None else plan.job.guidance


def _start(graph: Graph, plan: Plan, weights: Weights, empty: str) -> Output:
    """Where sampling starts: the picture to vary, or nothing."""
    if plan.job.operation is Operation.variant:
        return picture(graph, weights, plan.pictures[0])
    return _empty(graph, plan, empty)


def _empty(graph: Graph, plan: Plan, class_type: str) -> Output:
    return graph.add(class_type, width=plan.width, height=plan.height, batch_size=1)


def _with_references(graph: Graph, plan: Plan, weights: Weights, conditioning: Output) -> Output:
    for name in plan.pictures:
        latent = picture(graph, weights, name)
        conditioning = graph.add("ReferenceLatent", conditioning=conditioning, latent=latent)
    return conditioning


def _cfg_guider(graph: Graph, plan: Plan, weights: Weights, prompts: Prompts, otherwise: float) -> Output:
    return graph.add(
        "CFGGuider",
        model=weights.model,
        positive=prompts.positive,
        negative=prompts.negative,
        cfg=_guidance(plan, otherwise),
    )


def _sampled(
    graph: Graph, plan: Plan, weights: Weights, model: Output, prompts: Prompts, latent: Output, cfg: float, steps: int
) -> None:
    job = plan.job
    is_variant = job.operation is Operation.variant
    samples = graph.add(
        "KSampler",
        model=model,
        positive=prompts.positive,
        negative=prompts.negative,
        latent_image=latent,
        seed=job.seed or 0,
        steps=job.steps or steps,
        cfg=cfg,
        sampler_name=plan.sampler,
        scheduler=plan.scheduler,
        denoise=job.strength if is_variant and job.strength is not None else 1.0,
    )
    saved(graph, weights, samples, plan.prefix)


def _custom_sampled(graph: Graph, plan: Plan, weights: Weights, guider: Output, steps: int) -> None:
    job = plan.job
    sigmas = graph.add("Flux2Scheduler", steps=job.steps or steps, width=plan.width, height=plan.height)
    samples = graph.add(
        "SamplerCustomAdvanced",
        noise=graph.add("RandomNoise", noise_seed=job.seed or 0),
        guider=guider,
        sampler=graph.add("KSamplerSelect", sampler_name=plan.sampler),
        sigmas=sigmas,
        latent_image=_empty(graph, plan, "EmptyFlux2LatentImage"),
    )
    saved(graph, weights, samples, plan.prefix)
