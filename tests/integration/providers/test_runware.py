"""Runware's stand-in, driven by Runware's own Python client, and what is Runware's alone."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from runware import IImageInference, ILora
from runware import Runware as Client
from runware.types import IAsyncTaskResponse
from runware.utils import RunwareAPIError
from tests.integration.providers.runware import RUNWARE, TASK, error
from tests.integration.providers.vendors import ATTEMPT, assignment, follow, job, provider, run
from tests.standins.runware import Runware
from tests.standins.server import KEY, Drops, Page, Says, serving
from websockets.asyncio.server import ServerConnection, serve

from palio.providers.base import Ambiguous, Refused
from palio.providers.hosted.provider import HostedProvider

ANOTHER = "0193f3a1b2c4012345678900000000ff"


@pytest.fixture
def runware() -> Iterator[Runware]:
    with serving(stand_in := Runware()):
        yield stand_in


@pytest.fixture
async def official(runware: Runware) -> AsyncIterator[Client]:
    """Runware's client, which speaks over a websocket, connected to the stand-in."""

    async def converse(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(json.dumps(answer(json.loads(message))))

    def answer(tasks: list[dict[str, Any]]) -> dict[str, Any]:
        match tasks[0]["taskType"]:
            case "authentication":
                assert tasks[0]["apiKey"] == KEY
                return {"data": [{"taskType": "authentication", "connectionSessionUUID": str(uuid4())}]}
            case "ping":
                return {"data": [{"taskType": "ping", "pong": True}]}
        return runware.told(tasks)

    async with serve(converse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = Client(api_key=KEY, url=f"ws://127.0.0.1:{port}")
        await client.connect()
        yield client
        await client.disconnect()


@pytest.fixture
async def here(runware: Runware, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostedProvider]:
    made = provider(runware, "runware", monkeypatch)
    yield made
    await made.close()


async def test_the_official_client_runs_a_task_to_its_picture(runware: Runware, official: Client):
    task = IImageInference(
        model="civitai:101055@128078",
        positivePrompt="a kite",
        taskUUID=str(uuid4()),
        width=1024,
        height=1024,
        lora=[ILora(model="civitai:180891@776656", weight=0.7)],
        deliveryMethod="async",
        outputType="URL",
        includeCost=True,
    )
    accepted = await official.imageInference(task)
    assert isinstance(accepted, IAsyncTaskResponse)
    assert accepted.taskUUID == task.taskUUID
    (image,) = await official.getResponse(accepted.taskUUID)
    assert image.imageURL.startswith(f"{runware.url}/image/")
    assert image.cost == pytest.approx(0.0026)
    details = await official.getTaskDetails(accepted.taskUUID)
    assert details.request[0].positivePrompt == "a kite"


async def test_the_official_client_is_told_what_is_wrong(runware: Runware, official: Client):
    task = IImageInference(model="runware:100@1", positivePrompt="a kite", taskUUID=str(uuid4()), width=64, height=64)
    with pytest.raises(RunwareAPIError) as unknown:
        await official.getResponse(str(uuid4()))
    assert unknown.value.code == "taskNotFound"
    task.deliveryMethod, task.clipSkip = "async", 2
    with pytest.raises(RunwareAPIError) as undeclared:
        await official.imageInference(task)
    assert undeclared.value.code == "unsupportedParameter"
    task.clipSkip = None
    await official.imageInference(task)
    with pytest.raises(RunwareAPIError) as repeated:
        await official.imageInference(task)
    assert repeated.value.code == "conflictTaskUUID"


async def test_a_run_whose_start_was_not_answered_is_found_by_the_attempt(runware: Runware, here: HostedProvider):
    # Given a start whose answer was lost
    given = assignment(RUNWARE.job)
    runware.running = 1
    runware.order("submit", Drops)
    with pytest.raises(Ambiguous):
        await here.start(given)

    # When it is looked for, while it goes on and after it is over
    handle = await here.find(ATTEMPT)
    assert handle is not None
    _, made = await follow(here, handle, given)

    # Then it is that run, and there was no other
    assert made.data
    assert await here.find(ATTEMPT) is not None
    assert [task.id for task in runware.started] == [TASK]


async def test_a_run_that_was_refused_is_found_too(runware: Runware, here: HostedProvider):
    runware.fails = {"code": "contentModeration", "message": "no"}
    given = assignment(RUNWARE.job)
    await here.start(given)
    handle = await here.find(ATTEMPT)
    assert handle is not None
    with pytest.raises(Refused):
        await follow(here, handle, given)


async def test_a_run_that_never_was_is_not_found(here: HostedProvider):
    assert await here.find(ANOTHER) is None


@pytest.mark.parametrize("says", [Page(), Page(200), Says(200, {"data": []}), error("rateLimitExceeded", 429)], ids=str)
async def test_a_vendor_that_cannot_be_asked_is_not_sure(runware: Runware, here: HostedProvider, says: Says):
    runware.order("poll", says)
    with pytest.raises(Ambiguous):
        await here.find(ANOTHER)


async def test_a_run_that_polling_has_forgotten_was_there_all_the_same(runware: Runware, here: HostedProvider):
    await here.start(assignment(RUNWARE.job))
    runware.forgotten.add(TASK)
    with pytest.raises(Ambiguous, match="does not hand out what became of it"):
        await here.find(ATTEMPT)


@pytest.mark.parametrize(("cost", "usd"), [(0.0026, 0.0026), (None, None), ("a lot", None), ([], None), (True, None)])
async def test_a_cost_is_read_or_left_and_never_loses_the_picture(
    runware: Runware, here: HostedProvider, cost: object, usd: float | None
):
    given = assignment(RUNWARE.job)
    handle = await here.start(given)
    (picture,) = runware.told([{"taskType": "getResponse", "taskUUID": TASK}])["data"]
    runware.order("poll", Says(200, {"data": [picture | {"cost": cost}]}))
    _, made = await follow(here, handle, given)
    assert made.data
    assert made.cost == usd


async def test_a_kontext_job_gets_the_pixels_that_its_ratio_stands_for(runware: Runware, here: HostedProvider):
    kontext = job(engine="flux1-kontext", model="pro", aspectRatio="16:9")
    await run(here, kontext)
    task = runware.started[0].input
    assert (task["width"], task["height"]) == (1392, 752)
    offer = here.offer(kontext)
    assert getattr(offer, "rounded_to", None) == (1392, 752)
