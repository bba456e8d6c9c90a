"""The inputs of steps by `$type`, and the one way to read them."""

from collections.abc import Callable, Collection
from typing import Protocol, TypeAlias, cast, runtime_checkable

from palio.contract.image.job import ImageJob
from palio.contract.image.variants import find_variant
from palio.contract.json import Json, JsonObject
from palio.contract.price import Price
from palio.contract.references import Place
from palio.contract.steps.echo import EchoInput
from palio.contract.steps.reading import object_at, read_as
from palio.contract.steps.repeat import REPEAT
from palio.contract.steps.text_to_image import TextToImageInput
from palio.errors import BadRequest


class StepInput(Protocol):
    """An input that has been read."""

    def price(self) -> Price:
        """What the whole step costs."""


@runtime_checkable
class ImageStepInput(StepInput, Protocol):
    """An input that makes images."""

    def jobs(self) -> tuple[ImageJob, ...]:
        """One job an image."""


def jobs_of(step_input: StepInput) -> tuple[ImageJob, ...]:
    """The images that a step makes; none for one that makes none."""
    # Asking a runtime protocol instead would take longer than reading the whole input.
    return () if isinstance(step_input, EchoInput) else cast(ImageStepInput, step_input).jobs()


Reader: TypeAlias = Callable[[JsonObject, str, Collection[Place]], StepInput | None]


def read_input(step_type: str, raw: Json, at: str, references: Collection[Place] = ()) -> StepInput | None:
    """The `input` of a step, which stands at `at` (`steps[0].input`), or BadRequest with all that is wrong in it.

    `references` are the places in `raw` that hold a reference object. What they will bring is taken on trust:
    optional members count as left out, items of arrays count as items. None when not even the variant can be
    known before they are resolved.
    """
    reader = _READERS.get(step_type)
    if reader is None:
        raise BadRequest.at(
            f"{at.removesuffix('.input')}.$type",
            f'no step has the type "{step_type[:100]}" here; known are {", ".join(STEP_TYPES)}',
        )
    if references and () in references:
        return None
    return reader(object_at(raw, at), at, references)


def _read_image_gen(raw: JsonObject, at: str, references: Collection[Place]) -> StepInput | None:
    variant = find_variant(raw, at, lambda member: (member,) in references)
    return None if variant is None else read_as(variant, raw, at, references)


def _read_text_to_image(raw: JsonObject, at: str, references: Collection[Place]) -> StepInput:
    return read_as(TextToImageInput, raw, at, references)


def _read_echo(raw: JsonObject, at: str, references: Collection[Place]) -> StepInput:
    return read_as(EchoInput, raw, at, references)


_READERS: dict[str, Reader] = {
    "imageGen": _read_image_gen,
    "textToImage": _read_text_to_image,
    "echo": _read_echo,
}

# The input of a repeat holds a whole step, and so is read where steps are.
STEP_TYPES: tuple[str, ...] = (*_READERS, REPEAT)
