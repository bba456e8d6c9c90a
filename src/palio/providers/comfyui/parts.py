"""The parts that graphs of all families are made of.

Node names and inputs are those of the templates that ComfyUI ships (PyPI `comfyui-workflow-templates-json` 0.1.123).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from palio.providers.comfyui.graph import Graph, Output


@dataclass(frozen=True, slots=True)
class Weights:
    """The three models that every picture needs: what denoises, what reads words, what turns latents into pixels."""

    model: Output
    clip: Output
    vae: Output


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is wanted and what is not, as conditioning."""

    positive: Output
    negative: Output


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA by the name of its file, and its strength."""

    name: str
    strength: float


def checkpoint(graph: Graph, file: str) -> Weights:
    """All three from one file."""
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=file)
    return Weights(model=loaded[0], clip=loaded[1], vae=loaded[2])


def separate(graph: Graph, unet: str, clips: Sequence[str], clip_type: str, vae: str) -> Weights:
    """Each from a file of its own; `clips` are one or two."""
    model = graph.add("UNETLoader", unet_name=unet, weight_dtype="default")
    if len(clips) == 2:
        clip = graph.add("DualCLIPLoader", clip_name1=clips[0], clip_name2=clips[1], type=clip_type)
    else:
        clip = graph.add("CLIPLoader", clip_name=clips[0], type=clip_type)
    return Weights(model, clip, graph.add("VAELoader", vae_name=vae))


def with_vae(graph: Graph, weights: Weights, vae: str | None) -> Weights:
    """Another VAE, if one is named."""
    return replace(weights, vae=graph.add("VAELoader", vae_name=vae)) if vae else weights


def with_loras(graph: Graph, weights: Weights, loras: Sequence[LoraFile]) -> Weights:
    """LoRAs one after the other, on the words too."""
    for lora in loras:
        changed = graph.add(
            "LoraLoader",
            model=weights.model,
            clip=weights.clip,
            lora_name=lora.name,
            strength_model=lora.strength,
            strength_clip=lora.strength,
        )
        weights = replace(weights, model=changed[0], clip=changed[1])
    return weights


def with_model_loras(graph: Graph, weights: Weights, loras: Sequence[LoraFile]) -> Weights:
    """LoRAs one after the other, on the model alone: for families whose encoder has none."""
    for lora in loras:
        model = graph.add("LoraLoaderModelOnly", model=weights.model, lora_name=lora.name, strength_model=lora.strength)
        weights = replace(weights, model=model)
    return weights


def text(graph: Graph, clip: Output, words: str) -> Output:
    """Words as conditioning."""
    return graph.add("CLIPTextEncode", clip=clip, text=words)


def nothing(graph: Graph, like: Output) -> Output:
    """The conditioning of no words at all, where the model was trained without."""
    return graph.add("ConditioningZeroOut", conditioning=like)


def picture(graph: Graph, weights: Weights, name: str) -> Output:
    """An uploaded picture as latents."""
    return graph.add("VAEEncode", pixels=graph.add("LoadImage", image=name), vae=weights.vae)


def saved(graph: Graph, weights: Weights, samples: Output, prefix: str) -> None:
    """Latents as pixels in a file, which is the graph's end."""
    pixels = graph.add("VAEDecode", samples=samples, vae=weights.vae)
    graph.add("SaveImage", images=pixels, filename_prefix=prefix)
