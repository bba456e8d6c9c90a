"""What is tried again, where, and what is not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter
from tests.integration.engine.running import echo, engine, errors, image, jobs, ref, soon, variant_of

from palio.contract.status import Status
from palio.providers.base import Assignment, Handle, Made, Progress, RunFailed


async def test_a_provider_that_failed_is_not_asked_again_while_another_is_only_busy(tmp_path: Path) -> None:
    failing = Painter("failing", price=0, at_end=[RunFailed("no")] * 9)
    busy = Painter("busy", price=1, concurrency=1)
    busy.gate.clear()
    async with engine(tmp_path, failing, busy) as palio:
        await palio.submit(image())
        await soon(lambda: busy.running == 1)
        waiting = await palio.submit(image())
        await palio.until(waiting, lambda document: jobs(document)[0].status is Status.scheduled)
        busy.gate.set()
        document = await palio.end_of(waiting)

    assert document.status is Status.succeeded
    assert [attempt.provider for attempt in jobs(document)[0].attempts or []] == ["failing", "busy"]


class Copyist(Painter):
    """Looks at the images of a job first."""

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        for reference in assignment.job.images:
            await assignment.load(reference)
        async for event in super().watch(handle, assignment):
            yield event


async def test_an_image_of_the_caller_that_is_none_is_the_callers_mistake_and_tried_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copyist = Copyist()
    bad = echo("data:image/png;base64,AAAA", name="bad")
    async with engine(tmp_path, copyist) as palio:
        document = await palio.run(bad, variant_of(ref("bad", "output.message")))

    assert document.status is Status.failed
    assert copyist.runs == 1
    assert [error.partition(":")[0] for error in errors(document.steps[1])] == ["invalid"]
    assert "broke" not in caplog.text
