"""Images that a submission refers to, looked at before the submission is accepted.

A picture that cannot be had or read is the caller's mistake and answered at once, with the path of the member that
names it, not minutes later as a failed job. What was fetched is kept for a while, so that the jobs, which follow
within moments, do not fetch it again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from palio.blobs.inputs import BadImage
from palio.blobs.service import Blobs
from palio.contract.image.job import ImageJob
from palio.contract.json import Json
from palio.contract.references import Place
from palio.contract.step_template import every_template, under
from palio.contract.template import WorkflowTemplate
from palio.engine.planning import Plan
from palio.errors import BadRequest

MAX_IMAGES = 1000
"""How many different images the jobs of a workflow that are known at submit may need."""
MAX_KEPT_BYTES = 64 * 1024 * 1024


class Inputs:
    """Loads input images, remembering the latest ones."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    async def load(self, reference: str) -> bytes:
        """The verified image that a reference leads to. Raises BadImage."""
        data = self._kept.get(reference)
        if data is None:
            data = await self._blobs.load(reference)
            self._keep(reference, data)
        return data

    async def check(self, template: WorkflowTemplate, planned: Plan) -> None:
        """Load every image that the planned jobs need. Raises BadRequest with the path of each that is no use."""
        wanted = _places(template, planned)
        if not wanted:
            return
        if len(wanted) > MAX_IMAGES:
            at = list(wanted.values())[MAX_IMAGES]
            raise BadRequest.at(at, f"brings the workflow to more than {MAX_IMAGES} different input images")
        failures = await asyncio.gather(*(self._failure(reference) for reference in wanted))
        errors = {path: [failure] for path, failure in zip(wanted.values(), failures, strict=True) if failure}
        if errors:
            path, messages = next(iter(errors.items()))
            raise BadRequest(f"{path}: {messages[0]}", errors)

    async def _failure(self, reference: str) -> str | None:
        try:
            await self.load(reference)
        except BadImage as error:
            return str(error)
        return None

    def _keep(self, reference: str, data: bytes) -> None:
        if reference in self._kept:
            return  # Another job, which began at the same time, was faster.
        self._kept[reference] = data
        self._size += len(reference) + len(data)
        while self._size > MAX_KEPT_BYTES:
            oldest, forgotten = self._kept.popitem(last=False)
            self._size -= len(oldest) + len(forgotten)


def _places(template: WorkflowTemplate, planned: Plan) -> dict[str, str]:
    """The images that planned jobs need, each with its place in a step's input or in the arguments."""
    needed = [
        (step, references)
        for step in every_template(template.steps)
        if (references := _references(planned.get(step.name, ())))
    ]
    if not needed:
        return {}
    in_arguments = {text: under("arguments", place) for place, text in _strings(template.arguments)}
    places: dict[str, str] = {}
    for step, references in needed:
        in_input = {text: under(f"{step.at}.input", place) for place, text in _strings(step.raw_input)}
        for reference in references:
            places.setdefault(reference, in_input.get(reference) or in_arguments.get(reference, step.at))
    return places


def _references(jobs: Sequence[ImageJob]) -> list[str]:
    """The images that the jobs of a step need: the same for all of them."""
    return [
        reference
        for job in jobs[:1]
        for reference in (*job.images, *(part for net in job.control_nets for part in (net.image, net.mask)))
        if reference
    ]


def _strings(value: Json, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _strings(member, (*place, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _strings(member, (*place, index))
