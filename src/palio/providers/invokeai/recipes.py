"""How each family makes a picture, as a graph of InvokeAI's nodes. Pure.

Nodes, their fields and the types of these are those of PyPI `invokeai` 6.14.2, `app/invocations/`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from palio.contract.image.job import ImageJob, Operation
from palio.contract.json import JsonObject
from palio.providers.invokeai.graph import Graph, Input, Node, Output
from palio.providers.invokeai.models import Entry


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recipe works from.

    `models` are by their part; a part that is not there is in the main model. `pictures` are names of what was
    uploaded, `scheduler` is in InvokeAI's words.
    """

    job: ImageJob
    width: int
    height: int
    models: Mapping[str, Entry]
    loras: Sequence[tuple[Entry, float]]
    pictures: Sequence[str]
    scheduler: str


@dataclass(frozen=True, slots=True)
class Nodes:
    """What the nodes of a family are called whose order is that of another's."""

    encode: str
    decode: str
    lora: str


Recipe = Callable[[Graph, Plan], None]

SD1 = Nodes("i2l", "l2i", "lora_loader")
SDXL = Nodes("i2l", "l2i", "sdxl_lora_loader")
FLUX1 = Nodes("flux_vae_encode", "flux_vae_decode", "flux_lora_loader")
FLUX2_DEV = Nodes("flux2_vae_encode", "flux2_vae_decode", "flux2_dev_lora_loader")
FLUX2_KLEIN = Nodes("flux2_vae_encode", "flux2_vae_decode", "flux2_klein_lora_loader")
Z_IMAGE = Nodes("z_image_i2l", "z_image_l2i", "z_image_lora_loader")
QWEN = Nodes("qwen_image_i2l", "qwen_image_l2i", "qwen_image_lora_loader")


def graph_of(recipe: str, plan: Plan, id_: str) -> JsonObject:
    """The graph that a recipe makes of a plan."""
    graph = Graph(id_)
    RECIPES[recipe](graph, plan)
    return graph.json


def sd1(graph: Graph, plan: Plan) -> None:
    """SD 1.x."""
    loaded = graph.add("main_model_loader", model=_model(plan, "main"))
    parts = _with_loras(graph, plan, SD1, loaded, ("unet", "clip"))
    clip = parts["clip"]
    # A job's 1 is the encoder's last layer, where none is skipped.
    if (skip := plan.job.clip_skip) is not None and skip > 1:
        clip = graph.add("clip_skip", clip=clip, skipped_layers=skip - 1)["clip"]

    def read(words: str) -> Output:
        return graph.add("compel", prompt=words, clip=clip)["conditioning"]

    _denoised(graph, plan, parts["unet"], loaded["vae"], read)


def sdxl(graph: Graph, plan: Plan) -> None:
    """SDXL, both of whose encoders read the same words."""
    loaded = graph.add("sdxl_model_loader", model=_model(plan, "main"))
    parts = _with_loras(graph, plan, SDXL, loaded, ("unet", "clip", "clip2"))

    def read(words: str) -> Output:
        return graph.add(
            "sdxl_compel_prompt",
            prompt=words,
            original_width=plan.width,
            original_height=plan.height,
            target_width=plan.width,
            target_height=plan.height,
            clip=parts["clip"],
            clip2=parts["clip2"],
        )["conditioning"]

    _denoised(graph, plan, parts["unet"], loaded["vae"], read)


def flux1(graph: Graph, plan: Plan) -> None:
    """Flux 1, whose guidance is an input of the model and no CFG."""
    loaded = graph.add(
        "flux_model_loader",
        model=_model(plan, "main"),
        t5_encoder_model=_model(plan, "t5"),
        clip_embed_model=_model(plan, "clip"),
        vae_model=_model(plan, "vae"),
    )
    parts = _with_loras(graph, plan, FLUX1, loaded, ("transformer", "clip", "t5_encoder"))
    words = graph.add(
        "flux_text_encoder",
        prompt=plan.job.prompt,
        clip=parts["clip"],
        t5_encoder=parts["t5_encoder"],
        t5_max_seq_len=loaded["max_seq_len"],
    )
    drawn = graph.add(
        "flux_denoise",
        transformer=parts["transformer"],
        positive_text_conditioning=words["conditioning"],
        guidance=_guidance(plan, 3.5),
        num_steps=plan.job.steps or 20,
        scheduler=plan.scheduler,
        **_canvas(graph, plan, FLUX1, loaded["vae"]),
    )
    _finished(graph, FLUX1, drawn["latents"], loaded["vae"])


def flux2_dev(graph: Graph, plan: Plan) -> None:
    """Flux 2 dev. The hosted engine's guidance is an input of the model; what other engines call so is CFG."""
    loaded = graph.add(
        "flux2_dev_model_loader",
        model=_model(plan, "main"),
        vae_model=_model(plan, "vae"),
        mistral_encoder_model=_model(plan, "mistral"),
    )
    is_cfg = plan.job.engine != "flux2"
    guidance, cfg = (4.0, _guidance(plan, 1.0)) if is_cfg else (_guidance(plan, 4.0), 1.0)
    parts = _with_loras(graph, plan, FLUX2_DEV, loaded, ("transformer", "mistral_encoder"))

    def read(words: str) -> Output:
        return graph.add(
            "flux2_dev_text_encoder",
            prompt=words,
            mistral_encoder=parts["mistral_encoder"],
            max_seq_len=loaded["max_seq_len"],
        )["conditioning"]

    _flux2(graph, plan, FLUX2_DEV, parts["transformer"], loaded["vae"], read, guidance, cfg)


def flux2_klein(graph: Graph, plan: Plan) -> None:
    """Flux 2 klein, distilled or base."""
    loaded = graph.add(
        "flux2_klein_model_loader",
        model=_model(plan, "main"),
        vae_model=_model(plan, "vae"),
        qwen3_encoder_model=_model(plan, "qwen3"),
    )
    parts = _with_loras(graph, plan, FLUX2_KLEIN, loaded, ("transformer", "qwen3_encoder"))

    def read(words: str) -> Output:
        return graph.add(
            "flux2_klein_text_encoder",
            prompt=words,
            qwen3_encoder=parts["qwen3_encoder"],
            max_seq_len=loaded["max_seq_len"],
        )["conditioning"]

    # None of klein has guidance for an input.
    _flux2(graph, plan, FLUX2_KLEIN, parts["transformer"], loaded["vae"], read, 4.0, _guidance(plan, 1.0))


def z_image(graph: Graph, plan: Plan) -> None:
    """Z-Image, turbo or base."""
    encoder, vae = _model(plan, "qwen3"), _model(plan, "vae")
    whole = None if encoder is not None and vae is not None else _model(plan, "main")
    loaded = graph.add(
        "z_image_model_loader",
        model=_model(plan, "main"),
        vae_model=vae,
        qwen3_encoder_model=encoder,
        qwen3_source_model=whole,
    )
    parts = _with_loras(graph, plan, Z_IMAGE, loaded, ("transformer", "qwen3_encoder"))

    def read(words: str) -> Output:
        return graph.add("z_image_text_encoder", prompt=words, qwen3_encoder=parts["qwen3_encoder"])["conditioning"]

    is_guided = _guidance(plan, 1.0) > 1.0
    drawn = graph.add(
        "z_image_denoise",
        transformer=parts["transformer"],
        positive_conditioning=read(plan.job.prompt),
        negative_conditioning=read(plan.job.negative_prompt) if is_guided else None,
        guidance_scale=max(_guidance(plan, 1.0), 1.0),
        steps=plan.job.steps or 9,
        scheduler=plan.scheduler,
        **_canvas(graph, plan, Z_IMAGE, loaded["vae"]),
    )
    _finished(graph, Z_IMAGE, drawn["latents"], loaded["vae"])


def qwen(graph: Graph, plan: Plan) -> None:
    """Qwen-Image from words, from a picture to vary, or from one to edit, which its encoder reads with the words."""
    loaded = graph.add(
        "qwen_image_model_loader",
        model=_model(plan, "main"),
        vae_model=_model(plan, "vae"),
        qwen_vl_encoder_model=_model(plan, "qwen_vl"),
    )
    parts = _with_loras(graph, plan, QWEN, loaded, ("transformer",))
    references = plan.pictures if plan.job.operation is Operation.edit else ()
    images: Input = [{"image_name": name} for name in references] or None

    def read(words: str) -> Output:
        return graph.add(
            "qwen_image_text_encoder",
            prompt=words,
            reference_images=images,
            qwen_vl_encoder=loaded["qwen_vl_encoder"],
        )["conditioning"]

    seen = [graph.add(QWEN.encode, image={"image_name": name}, vae=loaded["vae"])["latents"] for name in references]
    drawn = graph.add(
        "qwen_image_denoise",
        transformer=parts["transformer"],
        positive_conditioning=read(plan.job.prompt),
        negative_conditioning=read(plan.job.negative_prompt),
        reference_latents=seen[0] if seen else None,
        cfg_scale=float(_guidance(plan, 2.5)),
        steps=plan.job.steps or 20,
        **_canvas(graph, plan, QWEN, loaded["vae"]),
    )
    _finished(graph, QWEN, drawn["latents"], loaded["vae"])


RECIPES: Mapping[str, Recipe] = {
    "sd1": sd1,
    "sdxl": sdxl,
    "flux1": flux1,
    "flux2-dev": flux2_dev,
    "flux2-klein": flux2_klein,
    "z-image": z_image,
    "qwen": qwen,
}


def _model(plan: Plan, part: str) -> JsonObject | None:
    return plan.models[part].identifier if part in plan.models else None


def _guidance(plan: Plan, otherwise: float) -> float:
    return otherwise if plan.job.guidance is None else plan.job.guidance


def _denoised(graph: Graph, plan: Plan, unet: Output, own_vae: Output, read: Callable[[str], Output]) -> None:
    """SD 1.x and SDXL from conditioning to a picture. Their VAEs overflow in half precision."""
    job = plan.job
    vae = graph.add("vae_loader", vae_model=_model(plan, "vae"))["vae"] if "vae" in plan.models else own_vae
    latents: Output | None = None
    if job.operation is Operation.variant:
        image: JsonObject = {"image_name": plan.pictures[0]}
        latents = graph.add("i2l", image=image, vae=vae, fp32=True)["latents"]
    drawn = graph.add(
        "denoise_latents",
        unet=unet,
        positive_conditioning=read(job.prompt),
        negative_conditioning=read(job.negative_prompt),
        noise=graph.add("noise", seed=job.seed or 0, width=plan.width, height=plan.height)["noise"],
        latents=latents,
        steps=job.steps or 20,
        cfg_scale=float(_guidance(plan, 7.0)),
        scheduler=plan.scheduler,
        denoising_start=_start(plan),
    )
    graph.add("l2i", latents=drawn["latents"], vae=vae, fp32=True)


def _flux2(
    graph: Graph,
    plan: Plan,
    nodes: Nodes,
    transformer: Output,
    vae: Output,
    read: Callable[[str], Output],
    guidance: float,
    cfg: float,
) -> None:
    """Flux 2 from its parts to a picture; pictures to edit are references beside the words."""
    seen: list[Output] = []
    if plan.job.operation is Operation.edit:
        seen = [graph.add("flux_kontext", image={"image_name": name})["kontext_cond"] for name in plan.pictures]
    drawn = graph.add(
        "flux2_denoise",
        transformer=transformer,
        vae=vae,
        positive_text_conditioning=read(plan.job.prompt),
        negative_text_conditioning=read(plan.job.negative_prompt) if cfg != 1.0 else None,
        kontext_conditioning=graph.collected(seen) if seen else None,
        guidance=guidance,
        cfg_scale=float(cfg),
        num_steps=plan.job.steps or 20,
        scheduler=plan.scheduler,
        **_canvas(graph, plan, nodes, vae),
    )
    _finished(graph, nodes, drawn["latents"], vae)


def _with_loras(graph: Graph, plan: Plan, nodes: Nodes, loaded: Node, names: Sequence[str]) -> Mapping[str, Output]:
    """LoRAs one after the other, on those parts of a loaded model that they may change."""
    parts = {name: loaded[name] for name in names}
    for lora, weight in plan.loras:
        changed = graph.add(nodes.lora, lora=lora.identifier, weight=weight, **parts)
        parts = {name: changed[name] for name in names}
    return parts


def _canvas(graph: Graph, plan: Plan, nodes: Nodes, vae: Output) -> dict[str, Input]:
    """Size and seed of what is drawn, and the picture to vary if there is one."""
    latents: Output | None = None
    if plan.job.operation is Operation.variant:
        latents = graph.add(nodes.encode, image={"image_name": plan.pictures[0]}, vae=vae)["latents"]
    return {
        "latents": latents,
        "denoising_start": _start(plan),
        "width": plan.width,
        "height": plan.height,
        "seed": plan.job.seed or 0,
    }


def _start(plan: Plan) -> float:
    """How far on the way from noise to the picture it begins: 0 is noise."""
    strength = plan.job.strength if plan.job.operation is Operation.variant else None
    return 0.0 if strength is None else 1.0 - strength


def _finished(graph: Graph, nodes: Nodes, latents: Output, vae: Output) -> None:
    graph.add(nodes.decode, latents=latents, vae=vae)
