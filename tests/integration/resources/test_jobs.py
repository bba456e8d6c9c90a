"""Jobs of a provider that runs on this machine and needs weights: the store and the engine together."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

from tests.integration.engine.painter import png
from tests.integration.engine.running import engine, errors, image, jobs, soon
from tests.integration.resources.conftest import QUICK, Open
from tests.standins.model_site import ModelFile, ModelSite, safetensors
from tests.standins.server import Truncates

from palio.contract.image.job import ImageJob
from palio.contract.status import Status
from palio.providers.base import Assignment, Handle, Incapable, Made, Offer, Progress, Provider, Unable
from palio.resources.failures import Persistence
from palio.resources.web import Patience
from palio.resources.weights import NotFetched, Weights

AIR = "urn:air:sdxl:checkpoint:civitai:10@2000"
JOB = image(ecosystem="sdxl", model=AIR)


class Local(Provider):
    """Fetches the weights of a job, and then paints something small."""

    kind: ClassVar[str] = "local"

    def __init__(self, weights: Weights) -> None:
        super().__init__("local", 4, free=True)
        self._weights = weights
        self.used: list[Path] = []

    def offer(self, job: ImageJob) -> Offer | Unable:
        if self._weights.path(job.model) is None and (reason := self._weights.why_not(job.model)) is not None:
            return Unable(self.name, reason)
        return Offer(self.name, 1.0, 0.0)

    async def start(self, assignment: Assignment) -> Handle:
        return "run"

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        rates: asyncio.Queue[float] = asyncio.Queue()
        fetching = asyncio.ensure_future(self._weights.fetch(assignment.job.model, rates.put_nowait))
        try:
            while not fetching.done():
                hearing = asyncio.ensure_future(rates.get())
                await asyncio.wait([fetching, hearing], return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    yield Progress(hearing.result(), is_preparing=True)
                else:
                    hearing.cancel()
            self.used.append(await fetching)
        except NotFetched as reason:
            raise Incapable(str(reason)) from None
        finally:
            fetching.cancel()
        yield Made(png(), {}, cost=0.0)


async def test_a_job_is_preparing_while_its_weights_come_and_made_when_they_are_here(
    site: ModelSite, opened: Open, tmp_path: Path
):
    weights = safetensors(4 * 1024 * 1024)
    site.add(10, 2000, ModelFile("dream.safetensors", weights))
    site.storage.order("bytes", Truncates)
    async with (
        opened(Patience(persistence=Persistence(first_pause=0.5))) as store,
        engine(tmp_path, provider := Local(store)) as running,
    ):
        workflow_id = await running.submit(JOB)

        # Given that half of the weights have come, that is how far the preparation is
        def is_half_there() -> bool:
            outlook = running.orchestrator.outlook(workflow_id).values()
            return any(each.is_preparing and (each.rate or 0.0) > 0.2 for each in outlook)

        await soon(is_half_there)

        assert (await running.end_of(workflow_id)).status is Status.succeeded
        assert [path.read_bytes() for path in provider.used] == [weights]


async def test_a_job_whose_weights_are_not_to_be_had_is_declined_and_the_next_one_at_once(
    site: ModelSite, opened: Open, tmp_path: Path
):
    async with opened(QUICK) as store, engine(tmp_path, Local(store)) as running:
        first = await running.run(JOB)
        second = await running.run(JOB)

        for document in (first, second):
            assert document.status is Status.failed
            assert "does not have it (404)" in errors(document.steps[0])[0]
        # The second was not even begun, and the site was asked once.
        assert [len(jobs(document)[0].attempts or []) for document in (first, second)] == [1, 0]
        assert len(site.called("describe")) == 1


async def test_a_job_that_is_canceled_stops_the_download(site: ModelSite, opened: Open, tmp_path: Path):
    site.add(10, 2000, ModelFile("dream.safetensors", safetensors(1000)))
    site.storage.order("bytes", *[Truncates] * 9)
    async with (
        opened(Patience(persistence=Persistence(first_pause=60, longest_pause=60))) as store,
        engine(tmp_path, Local(store)) as running,
    ):
        workflow_id = await running.submit(JOB)
        await soon(lambda: len(site.storage.calls) == 1)

        await running.cancel(workflow_id)

        assert (await running.end_of(workflow_id)).status is Status.canceled
        await soon(lambda: not store.is_fetching(AIR))
