"""textToImage, the older step: one flat input whose model's AIR says which pipeline it is for."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from palio.contract.air import parse_air
from palio.contract.image.fields import (
    AirText,
    Choice,
    ControlNets,
    EmbeddedText,
    ImageRef,
    Number,
    Prompt10000,
    Whole,
)
from palio.contract.image.input import one_each
from palio.contract.image.job import ImageJob, Lora, Operation, OutputFormat
from palio.contract.image.pricing import by_pixels_and_steps
from palio.contract.image.sd1 import HALF_SIZE, ClipSkip, own_or_none
from palio.contract.price import Price

MAX_IMAGES = 100
SEEDS = (0, 2**32 - 1)

# The enum Scheduler names a sampler and a noise schedule in one word; here they are in ComfyUI's words.
_SCHEDULERS: dict[str, tuple[str | None, str | None]] = {
    "eulerA": ("euler_ancestral", "normal"),
    "euler": ("euler", "normal"),
    "lms": ("lms", "normal"),
    "heun": ("heun", "normal"),
    "dpM2": ("dpm_2", "normal"),
    "dpM2A": ("dpm_2_ancestral", "normal"),
    "dpM2SA": ("dpmpp_2s_ancestral", "normal"),
    "dpM2M": ("dpmpp_2m", "normal"),
    "dpmsde": ("dpmpp_sde", "normal"),
    "dpmFast": ("dpm_fast", "normal"),
    "dpmAdaptive": ("dpm_adaptive", "normal"),
    "lmsKarras": ("lms", "karras"),
    "dpM2Karras": ("dpm_2", "karras"),
    "dpM2AKarras": ("dpm_2_ancestral", "karras"),
    "dpM2SAKarras": ("dpmpp_2s_ancestral", "karras"),
    "dpM2MKarras": ("dpmpp_2m", "karras"),
    "dpmsdeKarras": ("dpmpp_sde", "karras"),
    "ddim": ("ddim", "ddim_uniform"),
    # ComfyUI has no PLMS; pseudo linear multistep is what its ipndm improves on.
    "plms": ("ipndm", "normal"),
    "uniPC": ("uni_pc", "normal"),
    "undefined": (None, None),
    "lcm": ("lcm", "sgm_uniform"),
    "ddpm": ("ddpm", "normal"),
    "deis": ("deis", "normal"),
    "dpM3MSDE": ("dpmpp_3m_sde", "normal"),
}

# Checkpoints made from a family's base model are of that family, whatever their AIR calls them.
_FAMILIES = {"pony": "sdxl", "illustrious": "sdxl", "noobai": "sdxl"}


class AdditionalNetwork(BaseModel):
    """How one LoRA, LoCon or embedding is applied."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    strength: Annotated[float, Number()] | None = None
    trigger_word: Annotated[str, Field(max_length=1000)] | None = None
    type: Annotated[str, Field(max_length=100)] | None = None


class TextToImageInput(BaseModel):
    """A textToImage input. Members it does not know are ignored."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    prompt: Prompt10000
    model: AirText = "urn:air:sd1:checkpoint:civitai:4384@128713"
    negative_prompt: Prompt10000 | None = None
    quantity: Annotated[int, Whole(1, 100)] = 1
    batch_size: Annotated[int, Whole(1, 100)] = 1
    steps: Annotated[int, Whole(1, 150)] = 30
    cfg_scale: Annotated[float, Number(1, 30)] = 7.5
    width: Annotated[int, Whole(64, 4084)] = 512
    height: Annotated[int, Whole(64, 4084)] = 512
    seed: Annotated[int | None, Whole(*SEEDS)] = None
    scheduler: Annotated[str, Choice(*_SCHEDULERS)] = "undefined"
    clip_skip: ClipSkip = 2
    additional_networks: Annotated[dict[AirText, AdditionalNetwork], Field(max_length=32)] = Field(default_factory=dict)
    control_nets: ControlNets = ()
    source_image: ImageRef | None = None
    source_image_denoise_strength: Annotated[float, Number(0, 1)] = Field(
        default=0.8,
        alias="sourceImageDenoiseStrenght",
        description="Spelled as the contract spells it.",
    )
    engine: Annotated[str, Field(max_length=200)] | None = None
    output_format: Annotated[OutputFormat, Choice(*OutputFormat)] = OutputFormat.jpeg
    image_metadata: EmbeddedText | None = None

    @field_validator("model")
    @classmethod
    def _with_an_ecosystem(cls, model: str) -> str:
        if parse_air(model).ecosystem is None:
            raise ValueError("must be an AIR with an ecosystem, such as urn:air:sd1:checkpoint:civitai:4384")
        return model

    @field_validator("batch_size")
    @classmethod
    def _not_too_many(cls, batch_size: int, info: ValidationInfo) -> int:
        quantity = info.data.get("quantity", 1)
        if quantity * batch_size > MAX_IMAGES:
            raise ValueError(f"quantity x batchSize is {quantity * batch_size}, more than {MAX_IMAGES}")
        return batch_size

    @property
    def family(self) -> str:
        """The family of models that the ecosystem of the model's AIR belongs to."""
        ecosystem = parse_air(self.model).ecosystem or ""
        return _FAMILIES.get(ecosystem.lower(), ecosystem)

    @property
    def count(self) -> int:
        """How many images are asked for."""
        return self.quantity * self.batch_size

    def jobs(self) -> tuple[ImageJob, ...]:
        """One job an image."""
        return one_each(self._first_job(), self.count, SEEDS)

    def price(self) -> Price:
        # Not published; what imageGen takes on ComfyUI for the same family.
        pixels, steps = self.width * self.height, self.steps / (20 if self.family == "flux1" else 30)
        if self.family == "sd1":
            return by_pixels_and_steps(4, pixels, steps, self.count, HALF_SIZE)
        return by_pixels_and_steps(8, pixels, steps, self.count)

    def _first_job(self) -> ImageJob:
        sampler, schedule = _SCHEDULERS[self.scheduler]
        embeddings = tuple(air for air in self.additional_networks if _is_embedding(air, self))
        source = self.source_image
        return ImageJob(
            # The older step names no engine; its words are ComfyUI's.
            engine="comfy",
            family=self.family,
            model=self.model,
            operation=Operation.create if source is None else Operation.variant,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt or "",
            width=self.width,
            height=self.height,
            seed=self.seed,
            steps=self.steps,
            guidance=self.cfg_scale,
            sampler=sampler,
            scheduler=schedule,
            clip_skip=own_or_none(self.clip_skip),
            loras=tuple(
                Lora(air, 1 if network.strength is None else network.strength)
                for air, network in self.additional_networks.items()
                if air not in embeddings
            ),
            embeddings=embeddings,
            control_nets=tuple(net.control_net() for net in self.control_nets),
            images=() if source is None else (source,),
            strength=None if source is None else self.source_image_denoise_strength,
            format=self.output_format,
            image_metadata=self.image_metadata,
            options={"engine": self.engine} if self.engine else {},
        )


def _is_embedding(air: str, sent: TextToImageInput) -> bool:
    kind = sent.additional_networks[air].type or parse_air(air).type or ""
    return kind.lower() in ("embedding", "textualinversion")
