"""The normal form in which every image variant meets every provider: one image each."""

from enum import StrEnum

import msgspec


class Operation(StrEnum):
    """What is done with the source images, if there are any."""

    create = "create"
    edit = "edit"
    variant = "variant"


class OutputFormat(StrEnum):
    """Encodings an image can be asked for in, spelled as imageGen spells them."""

    jpeg = "jpeg"
    png = "png"
    webp = "webP"

    @property
    def media_type(self) -> str:
        return f"image/{self.value.lower()}"

    @property
    def extension(self) -> str:
        return self.value.lower()


class Lora(msgspec.Struct, frozen=True):
    """A LoRA and how strongly it is applied."""

    air: str
    strength: float


class ControlNet(msgspec.Struct, frozen=True, omit_defaults=True):
    """One ControlNet: `image` and `mask` are image references (URL, data URL, Base64)."""

    preprocessor: str
    weight: float
    start_step: float
    end_step: float
    image: str | None = None
    mask: str | None = None


class ImageJob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image to make.

    `family` names what the picture should look like it came from (`flux1`, `sdxl`, `seedream` ...), `model` the
    member of that family (a checkpoint's AIR, or a tier such as `pro`), `engine` the engine that was asked for.
    `width` and `height` are pixels; where the variant has an aspect ratio instead, they are what that ratio
    means at about one megapixel and `aspect` says which ratio was asked for. `images` are image references.
    `sampler` and `scheduler` are in the words of the engine: ComfyUI's for `comfy`, else stable-diffusion.cpp's.
    """

    engine: str
    family: str
    model: str
    operation: Operation
    prompt: str
    width: int
    height: int
    seed: int | None
    negative_prompt: str = ""
    aspect: str | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    clip_skip: int | None = None
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[str, ...] = ()
    control_nets: tuple[ControlNet, ...] = ()
    components: dict[str, str] = {}
    """Overrides of parts of the model by AIR: `vae`, `clipL`, `t5xxl`, `diffuser`."""
    images: tuple[str, ...] = ()
    strength: float | None = None
    """How far a variant may leave its source: 0 keeps it, 1 ignores it."""
    format: OutputFormat = OutputFormat.jpeg
    image_metadata: str | None = None
    options: dict[str, bool | int | float | str] = {}
    """Switches only some engines know, by their wire name: `enablePromptExpansion`, `watermark` ..."""

    @property
    def work(self) -> float:
        """Relative amount of work: megapixels x steps / 20. Not a price."""
        return self.width * self.height / 1_048_576 * (self.steps or 20) / 20
