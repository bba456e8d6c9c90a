"""Which classes of diffusers make the pictures of a family, and what they are called with. Data, without diffusers.

Defaults of guidance are those of the models' cards, as diffusers' documentation repeats them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from palio.contract.image.job import Operation
from palio.providers.diffusers.protocol import Order
from palio.providers.diffusers.sampling import DIFFUSION, FLOW, Sampler

Value: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a family's pictures are made.

    `classes` are pipelines by what they do, `half` is the dtype on an accelerator, `guidance` the name of the argument
    that a job's guidance is, with its default. A text encoder reads at most `tokens` of a prompt; 0: it is read in
    pieces, however long it is. `negative` says how a negative prompt is given.
    """

    classes: Mapping[Operation, str]
    transformer: str | None
    half: str
    samplers: Mapping[str, Sampler]
    guidance: tuple[str, float]
    steps: int
    tokens: int
    negative: str = ""
    sized: frozenset[Operation] = frozenset(Operation)
    """Where width and height are arguments; elsewhere the picture has the size of what it is made from."""
    loaded_with: Mapping[str, Value | None] | None = None


AS_WORDS, AS_EMBEDDINGS = "words", "embeddings"

RECIPES: Mapping[str, Recipe] = {
    "sd1": Recipe(
        classes={
            Operation.create: "StableDiffusionPipeline",
            Operation.variant: "StableDiffusionImg2ImgPipeline",
        },
        transformer=None,
        half="float16",
        samplers=DIFFUSION,
        guidance=("guidance_scale", 7.0),
        steps=20,
        tokens=0,
        negative=AS_WORDS,
        sized=frozenset({Operation.create}),
        # What is decent is for the operator's policy and Palio's own levels; a black picture says nothing to anybody.
        loaded_with={"safety_checker": None, "requires_safety_checker": False},
    ),
    "sdxl": Recipe(
        classes={
            Operation.create: "StableDiffusionXLPipeline",
            Operation.variant: "StableDiffusionXLImg2ImgPipeline",
        },
        transformer=None,
        half="float16",
        samplers=DIFFUSION,
        guidance=("guidance_scale", 7.0),
        steps=20,
        tokens=0,
        negative=AS_WORDS,
        sized=frozenset({Operation.create}),
        # An invisible mark that nobody asked for.
        loaded_with={"add_watermarker": False},
    ),
    "flux1": Recipe(
        classes={Operation.create: "FluxPipeline", Operation.variant: "FluxImg2ImgPipeline"},
        transformer="FluxTransformer2DModel",
        half="bfloat16",
        samplers=FLOW,
        guidance=("guidance_scale", 3.5),
        steps=20,
        tokens=512,
    ),
    "flux2": Recipe(
        classes={Operation.create: "Flux2Pipeline", Operation.edit: "Flux2Pipeline"},
        transformer="Flux2Transformer2DModel",
        half="bfloat16",
        samplers=FLOW,
        guidance=("guidance_scale", 4.0),
        steps=28,
        tokens=480,
    ),
    "flux2-klein": Recipe(
        classes={Operation.create: "Flux2KleinPipeline", Operation.edit: "Flux2KleinPipeline"},
        transformer="Flux2Transformer2DModel",
        half="bfloat16",
        samplers=FLOW,
        guidance=("guidance_scale", 1.0),
        steps=20,
        tokens=480,
        negative=AS_EMBEDDINGS,
        # Of a distilled model the pipeline would leave out a guidance that was asked for.
        loaded_with={"is_distilled": False},
    ),
    "z-image": Recipe(
        classes={Operation.create: "ZImagePipeline"},
        transformer="ZImageTransformer2DModel",
        half="bfloat16",
        samplers=FLOW,
        guidance=("guidance_scale", 1.0),
        steps=9,
        tokens=480,
        negative=AS_WORDS,
    ),
    "qwen": Recipe(
        classes={Operation.create: "QwenImagePipeline", Operation.variant: "QwenImageImg2ImgPipeline"},
        transformer="QwenImageTransformer2DModel",
        half="bfloat16",
        samplers=FLOW,
        guidance=("true_cfg_scale", 2.5),
        steps=20,
        tokens=480,
        negative=AS_WORDS,
    ),
    "qwen-edit": Recipe(
        classes={Operation.edit: "QwenImageEditPlusPipeline"},
        transformer="QwenImageTransformer2DModel",
        half="bfloat16",
        samplers=FLOW,
        guidance=("true_cfg_scale", 2.5),
        steps=20,
        tokens=480,
        negative=AS_WORDS,
    ),
}
"""By what catalogs name in `recipe`."""


def arguments(recipe: Recipe, order: Order) -> dict[str, Value]:
    """What a pipeline is called with for an order, besides words, pictures and noise."""
    name, usual = recipe.guidance
    given: dict[str, Value] = {
        "num_inference_steps": order.steps or recipe.steps,
        name: usual if order.guidance is None else order.guidance,
    }
    if order.operation in recipe.sized:
        given |= {"width": order.width, "height": order.height}
    if order.operation is Operation.variant:
        given["strength"] = 1.0 if order.strength is None else order.strength
    return given
