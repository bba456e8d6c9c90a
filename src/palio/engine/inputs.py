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
from palio.contract.references import Place, show_place
from palio.contract.step_template import StepTemplate
from palio.contract.template import WorkflowTemplate
from palio.engine.planning import Plan
from palio.errors import BadRequest

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
        wanted = {
            reference: f"steps[{index}].input.{show_place(_place_of(reference, step))}"
            for index, step in enumerate(template.steps)
            for reference in _references(planned.get(step.name, ()))
        }
        if not wanted:
            return
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


def _references(jobs: Sequence[ImageJob]) -> Iterator[str]:
    """The images that the jobs of a step need: the same for all of them."""
    for job in jobs[:1]:
        yield from job.images
        for control_net in job.control_nets:
            yield from filter(None, (control_net.image, control_net.mask))


def _place_of(reference: str, step: StepTemplate) -> Place:
    return next(place for place, value in _strings(step.raw_input) if value == reference)


def _strings(value: Json, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _strings(member, (*place, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _strings(member, (*place, index))
