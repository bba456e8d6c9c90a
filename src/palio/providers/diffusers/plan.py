"""From a job to an order for the child, or to what stands in the way. Decides; the files are looked up in `Shelf`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from palio.contract.air import is_air
from palio.contract.image.job import ImageJob, Operation
from palio.providers.base import Incapable
from palio.providers.catalog.fitting import Fit, short_name
from palio.providers.catalog.model import Model, Words
from palio.providers.diffusers.pipelines import RECIPES
from palio.providers.diffusers.protocol import Adapter, Order, Pipeline
from palio.providers.diffusers.sampling import DIFFUSION, no_sampling
from palio.resources.weights import Weights

WEIGHT = re.compile(r"(?<!\\)[()]")
"""What gives words more weight in prompts of SD 1.x and SDXL, or less."""
LESS_WEIGHT = re.compile(r"(?<!\\)[\[\]]")
"""What does so too but for ComfyUI, to which it is letters."""
CHECKPOINT = "*"
"""In a model's files: the job's own checkpoint."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where weights are: the operator's own files by what an AIR comes to, then the store of weights."""

    provider: str
    files: Mapping[str, str]
    weights: Weights

    def path(self, name: str) -> Path | None:
        """What a path or an AIR stands for; None if it is not here."""
        if not is_air(name):
            return Path(name).expanduser()
        if (own := self.files.get(short_name(name))) is not None:
            return Path(own).expanduser()
        return self.weights.path(name)

    def why_not(self, name: str) -> str | None:
        """Why what is not here cannot be had; None if it can."""
        if (reason := self.weights.why_not(name)) is None:
            return None
        return f"{reason}; [providers.{self.provider}.files] can name one"


def needed(model: Model, job: ImageJob) -> dict[str, str]:
    """The pipeline's files by what they are, as paths and AIRs."""
    return {kind: job.model if name == CHECKPOINT else name for kind, name in model.files.items()}


def missing(model: Model, job: ImageJob, shelf: Shelf) -> list[str]:
    """The AIRs of a job whose weights are not here."""
    names = [*needed(model, job).values(), *(lora.air for lora in job.loras)]
    return [name for name in dict.fromkeys(names) if shelf.path(name) is None]


def lacks(model: Model, job: ImageJob, shelf: Shelf) -> str | None:
    """What keeps a model from doing a job that the catalog cannot say; None if nothing does."""
    recipe = RECIPES.get(model.recipe)
    if recipe is None:
        return f"has no recipe {model.recipe!r}"
    if job.operation not in recipe.classes:
        return f"has no pipeline to {job.operation.value} with"
    if "pipeline" not in model.files:
        return "has no file `pipeline`"
    sampler, spacing = _chosen(model.sampler, job.sampler), _chosen(model.scheduler, job.scheduler)
    if reason := no_sampling(recipe.samplers, sampler, spacing):
        return reason
    if recipe.tokens == 0 and (reason := _lacks_weights(job)):
        return reason
    steps = job.steps or recipe.steps
    is_cut = job.operation is Operation.variant and recipe.samplers is DIFFUSION
    if is_cut and job.strength is not None and int(steps * job.strength) < 1:
        return f"cannot vary a picture by {job.strength:g} in {steps} steps: that leaves none"
    if model.recipe == "flux2" and job.engine != "flux2" and job.guidance not in (None, 1):
        return f"has no CFG, which {job.engine} means by its guidance of {job.guidance:g}"
    for name in missing(model, job, shelf):
        if reason := shelf.why_not(name):
            return reason
    return _lacks_config(model, job, shelf)


def pipeline_of(model: Model, job: ImageJob, shelf: Shelf) -> Pipeline:
    """What has to be loaded, all of which is here. Raises Incapable."""
    files = {kind: _absolute(shelf, name) for kind, name in needed(model, job).items()}
    return Pipeline(model.recipe, files)


def order_of(id_: str, found: Fit, job: ImageJob, pictures: Sequence[bytes], shelf: Shelf) -> Order:
    """A job as the child gets it, when all its weights are here. Raises Incapable."""
    model = found.model
    # Here it is the CFG that the engine leaves at 1, which is none; the model's own guidance is another thing.
    is_cfg = model.recipe == "flux2" and job.engine != "flux2"
    return Order(
        id=id_,
        pipeline=pipeline_of(model, job, shelf),
        operation=job.operation,
        prompt=_unescaped(model, job.prompt),
        negative_prompt=_unescaped(model, job.negative_prompt),
        width=found.width,
        height=found.height,
        seed=job.seed or 0,
        steps=job.steps,
        guidance=None if is_cfg else job.guidance,
        strength=job.strength,
        clip_skip=job.clip_skip,
        sampler=_chosen(model.sampler, job.sampler),
        spacing=_chosen(model.scheduler, job.scheduler),
        adapters=tuple(Adapter(_absolute(shelf, lora.air), lora.strength) for lora in job.loras),
        images=tuple(pictures),
    )


def _lacks_weights(job: ImageJob) -> str | None:
    words = f"{job.prompt}\n{job.negative_prompt}"
    if found := WEIGHT.search(words) or (job.engine != "comfy" and LESS_WEIGHT.search(words)):
        return f"gives words no weight, which {found[0]!r} in a prompt does; \\{found[0]} is a letter"
    return None


def _unescaped(model: Model, prompt: str) -> str:
    """A prompt without what says that brackets are letters, where they could be more."""
    return re.sub(r"\\([()\[\]])", r"\1", prompt) if RECIPES[model.recipe].tokens == 0 else prompt


def _lacks_config(model: Model, job: ImageJob, shelf: Shelf) -> str | None:
    # What is fetched is one file too, so that it is known before.
    name = needed(model, job)["pipeline"]
    path = shelf.path(name)
    if "config" in model.files or (path is not None and not path.is_file()):
        return None
    return f"has no `config` in its files, a folder that says what the parts of {name} are, which is one file"


def _absolute(shelf: Shelf, name: str) -> str:
    path = shelf.path(name)
    if path is None:
        raise Incapable(f"the weights {name} are no longer here")
    return str(path.absolute())


def _chosen(words: Words | None, value: str | None) -> str | None:
    """The catalog's word for what a job chose, or what the job says where the catalog has none."""
    if value is None or words is None:
        return value
    return words.words.get(value, value)
