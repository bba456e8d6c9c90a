"""The job protocol towards a real server: every answer and every failure ends in the error that fits."""

import asyncio
import base64
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from PIL import Image
from tests.integration.engine.painter import png
from tests.standins.job_server import Fault, JobServer, Reply, Script

from palio.contract.image.job import ControlNet, ImageJob, Lora, Operation
from palio.errors import SetupError
from palio.providers import http
from palio.providers.base import (
    Ambiguous,
    Assignment,
    Handle,
    Incapable,
    InvalidJob,
    KeyRefused,
    Lost,
    Made,
    NotAccepted,
    Offer,
    Progress,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unable,
    Unfunded,
)
from palio.providers.http import NOT_TAKEN, HttpOptions, HttpProvider
from palio.providers.registry import configured
from palio.settings import Settings

ID = "0123456789abcdef"
HTML = b"<!doctype html><title>502 Bad Gateway</title>"


def job(**members: object) -> ImageJob:
    """A job with everything that it needs."""
    given = {"engine": "sdcpp", "family": "sdxl", "model": "base", "operation": Operation.create} | members
    return ImageJob(**{"prompt": "a red kite", "width": 64, "height": 48, "seed": 7} | given)  # type: ignore[arg-type]


async def load(reference: str) -> bytes:
    return {"red": png("red"), "blue": png("blue"), "large": bytes(http.MAX_INPUT_BYTES)}[reference]


def assignment(id_: str = ID, **members: object) -> Assignment:
    return Assignment(id_, job(**members), load)


@pytest.fixture
async def server() -> AsyncIterator[JobServer]:
    async with JobServer().serving() as serving:
        yield serving


@asynccontextmanager
async def providing(url: str, key: str | None = None, price: float | None = 0.02, **options: object) -> AsyncIterator:
    chosen = HttpOptions(**{"timeout": 5.0, "patience": 5.0} | options)
    provider = HttpProvider("mine", 4, url, key=key, price=price, options=chosen)
    await provider.open()
    try:
        yield provider
    finally:
        await provider.close()


@pytest.fixture
async def provider(server: JobServer) -> AsyncIterator[HttpProvider]:
    async with providing(server.url) as made:
        yield made


async def watched(provider: HttpProvider, handle: Handle = ID) -> list[Progress | Made]:
    async with asyncio.timeout(20):
        return [event async for event in provider.watch(handle, assignment())]


async def made(provider: HttpProvider, handle: Handle = ID) -> Made:
    [*_, last] = await watched(provider, handle)
    assert isinstance(last, Made)
    return last


class TestRun:
    async def test_a_job_goes_from_the_queue_over_progress_to_its_image(self, server, provider):
        server.script = Script(queued=(0.3, 0.3), seconds=(1.2, 1.2), cost=0.015)

        handle = await provider.start(assignment())
        events = await watched(provider, handle)

        rates = [event.rate for event in events if isinstance(event, Progress)]
        assert rates == sorted(rates)
        assert any(0 < rate < 1 for rate in rates)
        assert isinstance(events[-1], Made)
        assert events[-1].cost == 0.015
        assert Image.open(io.BytesIO(events[-1].data)).size == (64, 48)

    async def test_the_end_is_heard_of_when_it_comes_and_not_asked_for_all_the_time(self, server, provider):
        server.script = Script(seconds=(0.8, 0.8))
        await provider.start(assignment())
        await made(provider)
        assert server.calls["poll"] <= 4

    async def test_every_member_of_the_job_is_sent(self, server, provider):
        await provider.start(assignment(loras=(Lora("urn:air:x", 0.5),), guidance=4.5))
        [body] = server.bodies
        assert body["version"] == http.VERSION
        assert set(body["job"]) == set(ImageJob.__struct_fields__)
        assert body["job"]["prompt"] == "a red kite"
        assert body["job"]["format"] == "jpeg"
        assert body["job"]["loras"] == [{"air": "urn:air:x", "strength": 0.5}]

    async def test_images_are_sent_in_place_of_references(self, server, provider):
        nets = (ControlNet("canny", 1.0, 0.0, 1.0, image="blue"), ControlNet("depth", 1.0, 0.0, 1.0, mask="red"))
        await provider.start(assignment(images=("red", "blue"), control_nets=nets))
        [body] = server.bodies
        red, blue = (base64.b64encode(png(colour)).decode() for colour in ("red", "blue"))
        assert body["job"]["images"] == [red, blue]
        assert [(net["image"], net["mask"]) for net in body["job"]["control_nets"]] == [(blue, None), (None, red)]

    async def test_more_images_than_can_be_sent_are_for_another_provider(self, server, provider):
        with pytest.raises(Incapable):
            await provider.start(assignment(images=("large", "red")))
        assert server.calls["start"] == 0

    async def test_the_key_is_sent(self):
        async with JobServer(key="sk-1").serving() as server, providing(server.url, key="sk-1") as provider:
            assert await provider.start(assignment()) == ID
            assert (await made(provider)).data

    async def test_a_key_that_is_refused_is_told_without_it(self):
        async with JobServer(key="sk-1").serving() as server, providing(server.url, key="sk-2") as provider:
            with pytest.raises(KeyRefused, match="401: this is not the key") as raised:
                await provider.start(assignment())
            assert "sk-2" not in str(raised.value)
            assert server.runs == {}

    async def test_a_path_in_the_base_is_kept(self, server):
        async with providing(f"{server.url}/jobs/..") as provider:
            assert await provider.start(assignment()) == ID


STARTS = [
    (Reply(503), NotAccepted),
    (Reply(429, headers={"Retry-After": "7"}), RateLimited),
    (Reply(401), KeyRefused),
    (Reply(403), KeyRefused),
    (Reply(402), Unfunded),
    (Reply(404), NotAccepted),
    (Reply(400), Incapable),
    (Reply(422), Incapable),
    (Reply(422, b'{"reason": "incapable", "detail": "no LoRAs"}'), Incapable),
    (Reply(422, b'{"reason": "invalid"}'), InvalidJob),
    (Reply(409, b'{"reason": "refused"}'), Refused),
    (Reply(409, b'{"reason": "as the weather is"}'), Incapable),
    (Reply(422, b'{"reason": 7}'), Incapable),
    (Reply(422, HTML), Incapable),
    (Reply(307, headers={"Location": "/elsewhere"}), NotAccepted),
    (Reply(500), Ambiguous),
    (Reply(502, HTML), Ambiguous),
    (Reply(504), Ambiguous),
    (Reply(303, headers={"Location": "/elsewhere"}), Ambiguous),
    (Reply(200, b"garbage"), Ambiguous),
    (Reply(200, b""), Ambiguous),
    (Reply(200, HTML, {"Content-Type": "text/html"}), Ambiguous),
    (Reply(201, b'{"status": "dreaming"}'), Ambiguous),
    (Reply(201, b'{"status": "running", "progress": 7}'), Ambiguous),
    (Reply(201, b"[" * 100_000), Ambiguous),
    (Reply(204), Ambiguous),
    (Reply(201, b'{"status": "queued"}', {"Content-Encoding": "gzip"}), Ambiguous),
    (Reply(201, b" " * 2_000_000 + b'{"status": "queued"}'), Ambiguous),
    (Reply(201, b'{"status": "queued"}', {"Bad Header": "x"}), Ambiguous),
]


def told(value: object) -> str | None:
    if isinstance(value, Reply):
        return f"{value.status}-{value.body[:20].decode()}"
    return None


class TestStart:
    @pytest.mark.parametrize(("reply", "error"), STARTS, ids=told)
    async def test_every_answer_ends_in_the_error_that_fits(self, server, provider, reply, error):
        server.fail("start", Fault(reply))
        with pytest.raises(ProviderError) as raised:
            await provider.start(assignment())
        assert type(raised.value) is error or (error is Ambiguous and isinstance(raised.value, Ambiguous))

    async def test_there_is_no_status_that_is_not_mapped(self, server, provider):
        for status in set(range(200, 600)) - {200, 201}:
            server.fail("start", Fault(Reply(status, b'{"status": "queued"}' if status not in (204, 304) else b"")))
            with pytest.raises(ProviderError) as raised:
                await provider.start(assignment())
            assert type(raised.value) is NOT_TAKEN.get(status, Ambiguous), status

    async def test_who_may_have_taken_the_job_is_never_said_not_to_have(self):
        assert {status for status, error in NOT_TAKEN.items() if status >= 500} == {501, 503}
        assert not {200, 201, 202, 204, 303, 408, 500, 502, 504} & set(NOT_TAKEN)
        assert Ambiguous not in NOT_TAKEN.values()

    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [("7", 7, 7), ("in ten minutes", 590, 601), ("soon", None, None)],
    )
    async def test_a_rate_limit_says_how_long(self, server, provider, value, least, most):
        if value == "in ten minutes":
            value = f"{datetime.now(UTC) + timedelta(minutes=10):%a, %d %b %Y %H:%M:%S GMT}"
        server.fail("start", Fault(Reply(429, headers={"Retry-After": value})))
        with pytest.raises(RateLimited) as raised:
            await provider.start(assignment())
        after = raised.value.retry_after
        assert after is None if least is None else least <= after <= most

    async def test_where_nobody_listens_the_job_is_not_taken(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            async with providing(f"http://127.0.0.1:{bound.getsockname()[1]}") as provider:
                with pytest.raises(NotAccepted, match="could not be reached"):
                    await provider.start(assignment())

    async def test_a_name_that_leads_nowhere_has_not_taken_the_job(self):
        async with providing("http://nowhere.invalid") as provider:
            with pytest.raises(NotAccepted, match="could not be reached"):
                await provider.start(assignment())

    async def test_who_cannot_speak_tls_has_not_taken_the_job(self, server):
        async with providing(server.url.replace("http:", "https:"), timeout=0.5) as provider:
            with pytest.raises(NotAccepted, match="could not be reached"):
                await provider.start(assignment())

    @pytest.mark.parametrize("done", [True, False])
    async def test_no_answer_in_time_is_ambiguous(self, server, done):
        server.fail("start", Fault(wait=30, done=done))
        async with providing(server.url, timeout=0.3) as provider:
            with pytest.raises(Ambiguous, match=r"did not answer within 0\.3 s"):
                await provider.start(assignment())

    async def test_an_answer_in_drops_is_ambiguous(self, server):
        server.fail("start", Fault(drip=0.1, done=True))
        async with providing(server.url, timeout=0.5) as provider:
            with pytest.raises(Ambiguous, match=r"did not answer within 0\.5 s"):
                await provider.start(assignment())

    @pytest.mark.parametrize("fault", [Fault(drop=True), Fault(drop=True, done=True), Fault(cut=5, done=True)])
    async def test_a_connection_that_breaks_is_ambiguous(self, server, provider, fault):
        server.fail("start", fault)
        with pytest.raises(Ambiguous):
            await provider.start(assignment())

    async def test_an_id_that_is_there_is_not_begun_again(self, server, provider):
        assert await provider.start(assignment()) == await provider.start(assignment()) == ID
        assert list(server.paid.values()) == [1]
        assert server.runs[ID].puts == 2


class TestFind:
    @pytest.mark.parametrize("fault", [Fault(drop=True, done=True), Fault(Reply(502, HTML), done=True)])
    async def test_a_start_whose_answer_was_lost_is_found_and_followed(self, server, provider, fault):
        server.fail("start", fault)
        with pytest.raises(Ambiguous):
            await provider.start(assignment())
        handle = await provider.find(ID)
        assert handle is not None
        assert (await made(provider, handle)).data
        assert list(server.paid.values()) == [1]

    async def test_a_start_that_never_arrived_is_not_there(self, server, provider):
        server.fail("start", Fault(drop=True))
        with pytest.raises(Ambiguous):
            await provider.start(assignment())
        assert await provider.find(ID) is None

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Fault(drop=True), Ambiguous),
            (Fault(Reply(500)), Ambiguous),
            (Fault(Reply(200, HTML)), Ambiguous),
            (Fault(Reply(429, headers={"Retry-After": "3"})), RateLimited),
        ],
    )
    async def test_a_server_that_cannot_tell_has_not_said_no(self, server, provider, fault, error):
        server.fail("poll", fault)
        with pytest.raises(error):
            await provider.find(ID)


POLLS = [
    Fault(drop=True),
    Fault(cut=3, done=True),
    Fault(Reply(200, b"garbage")),
    Fault(Reply(200, HTML)),
    Fault(Reply(200, b"")),
    Fault(Reply(500)),
    Fault(Reply(401)),
    Fault(Reply(302, headers={"Location": "/"})),
    Fault(Reply(429, headers={"Retry-After": "0.2"})),
    Fault(Reply(503)),
    Fault(Reply(200, b" " * 2_000_000)),
]


class TestWatch:
    @pytest.mark.parametrize("fault", POLLS, ids=lambda fault: told(fault.reply))
    async def test_a_lost_poll_fails_no_run(self, server, provider, fault):
        await provider.start(assignment())
        server.fail("poll", fault, fault)
        assert (await made(provider)).data

    async def test_several_of_them_do_not_either(self, server):
        async with providing(server.url, patience=60) as provider:
            await provider.start(assignment())
            server.fail("poll", *POLLS[:4])
            assert (await made(provider)).data

    async def test_a_server_that_stays_away_leaves_the_run_ambiguous(self, server):
        async with providing(server.url, patience=0.5) as provider:
            await provider.start(assignment())
            server.fail("poll", *[Fault(Reply(500))] * 100)
            with pytest.raises(Ambiguous, match=r"for 0\.5 s nobody could tell how the run goes: mine answered 500"):
                await watched(provider)

    async def test_a_server_that_asks_for_more_time_than_there_is_patience_is_asked_once_more(self, server):
        async with providing(server.url, patience=0.5) as provider:
            await provider.start(assignment())
            server.fail("poll", Fault(Reply(429, headers={"Retry-After": "3000"})))
            assert (await made(provider)).data

    async def test_a_run_that_is_gone_is_lost(self, provider):
        with pytest.raises(Lost):
            await watched(provider)

    @pytest.mark.parametrize(
        ("outcome", "error"), [("failed", RunFailed), ("refused", Refused), ("canceled", RunFailed)]
    )
    async def test_every_bad_end_is_told_with_its_reason(self, server, provider, outcome, error):
        server.script = Script(outcome=outcome, error="out\nof  memory")
        await provider.start(assignment())
        with pytest.raises(error, match=f"mine says {outcome}: out of memory"):
            await watched(provider)

    @pytest.mark.parametrize(
        "fault", [Fault(drop=True), Fault(cut=20, done=True), Fault(Reply(500)), Fault(Reply(302))]
    )
    async def test_an_image_that_did_not_come_whole_is_fetched_again(self, server, provider, fault):
        await provider.start(assignment())
        server.fail("image", fault, fault)
        assert Image.open(io.BytesIO((await made(provider)).data)).size == (64, 48)

    async def test_an_image_that_is_too_large_is_a_failure_at_once(self, server, provider, monkeypatch):
        monkeypatch.setattr(http, "MAX_IMAGE_BYTES", 50)
        await provider.start(assignment())
        with pytest.raises(RunFailed, match="more than 50 bytes"):
            await watched(provider)
        assert server.calls["image"] == 1

    async def test_another_process_can_go_on_watching(self, server, provider):
        server.script = Script(seconds=(0.3, 0.3))
        handle = await provider.start(assignment())
        async with providing(server.url) as another:
            assert (await made(another, handle)).data


class TestCancel:
    async def test_a_run_is_stopped(self, server, provider):
        server.script = Script(seconds=(60, 60))
        await provider.start(assignment())
        await provider.cancel(ID)
        assert server.runs[ID].status() == "canceled"

    async def test_a_run_that_is_over_or_gone_is_no_error(self, provider):
        await provider.start(assignment())
        await made(provider)
        await provider.cancel(ID)
        await provider.cancel("unknown")

    @pytest.mark.parametrize("fault", [Fault(Reply(500)), Fault(drop=True), Fault(Reply(429))])
    async def test_one_that_is_not_confirmed_is_told(self, server, provider, fault):
        server.fail("cancel", fault)
        with pytest.raises(ProviderError):
            await provider.cancel(ID)


class TestConfiguration:
    def test_an_offer_has_price_and_time(self):
        options = HttpOptions(families="sdxl, sd1", seconds=3)
        provider = HttpProvider("mine", 1, "http://127.0.0.1:9", price=None, options=options)
        assert provider.offer(job()) == Offer("mine", 3.0, None, model="sdxl")
        assert provider.offer(job(family="grok")) == Unable("mine", "does not serve grok")
        assert (provider.findable, provider.resumable, provider.free) == (True, True, False)

    def test_only_what_has_the_price_zero_is_free(self):
        assert HttpProvider("mine", 1, "http://127.0.0.1:9", price=0, options=HttpOptions()).free

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({}, r"\[providers.mine\]: base_url is required"),
            ({"base_url": "http://127.0.0.1:9", "speed": 1}, r"\[providers.mine\]: .*speed"),
            ({"base_url": "http://127.0.0.1:9", "timeout": 0}, r"\[providers.mine\]: .*timeout"),
            ({"base_url": "http://127.0.0.1:9", "api_key_env": "NOT_THERE"}, r"\[providers.mine\].*NOT_THERE"),
        ],
    )
    def test_what_is_wrong_is_told_with_the_table(self, table, message):
        settings = Settings.model_validate({"sketch": False, "providers": {"mine": {"kind": "http", **table}}})
        with pytest.raises(SetupError, match=message):
            configured(settings, nothing_is_fetched)


async def nothing_is_fetched(url: str, max_bytes: int) -> bytes:
    raise AssertionError(url)


async def test_the_stand_in_answers_whoever_asks_it(server):
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/receipts")).json() == {}
