"""What every vendor's answers, silences and nonsense come to: each row of each table, through a real server."""

from collections.abc import Iterator

import httpx
import pytest
from tests.integration.providers.ark import ARK
from tests.integration.providers.bfl import BFL
from tests.integration.providers.civitai import CIVITAI
from tests.integration.providers.civitai import failed as failed_workflow
from tests.integration.providers.comfyui import COMFYUI, history
from tests.integration.providers.dashscope import DASHSCOPE, task
from tests.integration.providers.fal import FAL
from tests.integration.providers.google import GOOGLE
from tests.integration.providers.horde import HORDE
from tests.integration.providers.horde import error as error_of_the_horde
from tests.integration.providers.huggingface import HUGGINGFACE
from tests.integration.providers.invokeai import INVOKEAI
from tests.integration.providers.openai import OPENAI, OPENAI_COMPATIBLE
from tests.integration.providers.replicate import REPLICATE, failed
from tests.integration.providers.runware import RUNWARE
from tests.integration.providers.runware import error as error_of_a_task
from tests.integration.providers.sdcpp import SDCPP
from tests.integration.providers.sdcpp import told as told_of_a_job
from tests.integration.providers.together import TOGETHER
from tests.integration.providers.vendors import Sample, Vendor, assignment, follow, in_haste, provider, run
from tests.integration.providers.xai import XAI
from tests.standins.ark import picture_error
from tests.standins.google import candidate
from tests.standins.server import KEY, Drips, Drops, Hangs, Page, Says, StandIn, Truncates, serving

from palio.contract.image.job import ImageJob
from palio.providers.base import (
    Ambiguous,
    Incapable,
    KeyRefused,
    Lost,
    NotAccepted,
    ProviderError,
    RateLimited,
    RunFailed,
    Unfunded,
)
from palio.providers.hosted.downloads import TIMES_GONE
from palio.providers.hosted.provider import HostedProvider
from palio.providers.hosted.signals import HTTP, Phase, Reply, row_in
from palio.providers.registry import VENDORS
from palio.providers.wire import Answer

UNDER_TEST = (
    *(FAL, COMFYUI, ARK, BFL, CIVITAI, DASHSCOPE, GOOGLE, HORDE, HUGGINGFACE, INVOKEAI, OPENAI),
    *(OPENAI_COMPATIBLE, REPLICATE, RUNWARE, SDCPP, TOGETHER, XAI),
)
HELD_OPEN = {"a1111", "swarmui"}
"""Kinds whose answer to a submission is the picture, and which are followed meanwhile; they have tests of their own."""
FOLLOWED = [vendor for vendor in UNDER_TEST if vendor.answers_with != "picture"]
"""Those whose runs go on after the answer to a submission, if only until the picture is here."""
SAMPLES = [(vendor, sample) for vendor in UNDER_TEST for sample in vendor.samples]

PROBLEM = {"detail": "x"}
SECRET = f"the key\n{KEY} is not good"
OF_HTTP = (
    Sample("401", Phase.submit, Says(401, PROBLEM), KeyRefused),
    Sample("402", Phase.submit, Says(402, PROBLEM), Unfunded),
    Sample("403", Phase.submit, Says(403, PROBLEM), KeyRefused),
    Sample("404", Phase.submit, Says(404, PROBLEM), Incapable),
    Sample("4xx of a run", Phase.poll, Says(404, PROBLEM)),
    Sample("4xx of a run", Phase.poll, Says(410, PROBLEM)),
    Sample("4xx of a run", Phase.poll, Says(400, PROBLEM)),
    Sample("429", Phase.submit, Says(429, PROBLEM, {"Retry-After": "7"}), RateLimited),
    Sample("429", Phase.poll, Says(429, PROBLEM)),
    Sample("408, 425 or 503", Phase.submit, Says(503, PROBLEM), NotAccepted),
    Sample("408, 425 or 503", Phase.submit, Says(408, PROBLEM), NotAccepted),
    Sample("408, 425 or 503", Phase.poll, Says(503, PROBLEM)),
    Sample("any other 4xx", Phase.submit, Says(422, PROBLEM), Incapable),
    Sample("any other 5xx", Phase.submit, Says(500, PROBLEM), Ambiguous),
    Sample("any other 5xx", Phase.submit, Says(504, PROBLEM), Ambiguous),
    Sample("any other 5xx", Phase.submit, Says(524, PROBLEM), Ambiguous),
    Sample("any other 5xx", Phase.poll, Says(500, PROBLEM)),
    Sample("any other 5xx", Phase.poll, Says(502, PROBLEM)),
    # What no row is about.
    Sample("", Phase.submit, Page(), Ambiguous),
    Sample("", Phase.submit, Page(200), Ambiguous),
    Sample("", Phase.submit, Says(200, {}), Ambiguous),
    Sample("", Phase.submit, Says(302, b"", {"Location": "http://10.0.0.1/"}), Ambiguous),
    Sample("", Phase.poll, Page()),
    Sample("", Phase.poll, Page(200)),
    Sample("", Phase.poll, Says(200, {"status": "SOMETHING_NEW"})),
)

STATUSES = [
    (vendor, sample)
    for vendor in UNDER_TEST
    for sample in OF_HTTP
    if sample.phase is Phase.submit or vendor.answers_with == "run"
]
WAYS = [
    (vendor, phase)
    for vendor in FOLLOWED
    for phase in ("poll", "result", "download")
    if phase == "download" or vendor.answers_with == "run"
]
"""What is asked on the way from a handle to the picture."""


@pytest.fixture(params=UNDER_TEST, ids=str)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    chosen: Vendor = request.param
    return chosen


@pytest.fixture
def stand_in(vendor: Vendor) -> Iterator[StandIn]:
    made = vendor.stand_in()
    with serving(made):
        yield made


def name_of(value: object) -> str:
    return f"{value.row}-{value.phase}" if isinstance(value, Sample) else str(value)


def row_of(vendor: Vendor, sample: Sample) -> str:
    """The row that is about a sample."""
    says = sample.says
    reply = Reply(Answer(says.status, httpx.Headers(says.headers), says.content), vendor.about)
    return row_in(VENDORS[vendor.kind].signals, sample.phase, reply).name


async def outcome(
    vendor: Vendor, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, sample: Sample | None = None
) -> type[ProviderError] | None:
    """What a job at a vendor ends with, that of a sample if it has one; None is an image."""
    made = provider(stand_in, vendor.kind, monkeypatch, **vendor.table)
    try:
        await run(made, (sample and sample.job) or vendor.job)
    except ProviderError as error:
        return type(error)
    finally:
        await made.close()
    return None


async def canceled(made: HostedProvider, job: ImageJob) -> type[ProviderError] | None:
    """What canceling a run that was just begun ends with; None is well."""
    handle = await made.start(assignment(job))
    try:
        await made.cancel(handle)
    except ProviderError as error:
        return type(error)
    return None


def test_every_vendor_is_under_test():
    assert {vendor.kind for vendor in UNDER_TEST} | HELD_OPEN == set(VENDORS)


@pytest.mark.parametrize("vendor", UNDER_TEST, ids=str)
def test_every_row_of_a_table_has_a_sample(vendor: Vendor):
    rows = [row.name for row in VENDORS[vendor.kind].signals]
    assert len(rows) == len(set(rows))
    # The answers of the stand-in itself are samples of what a run that goes well looks like.
    seen = {sample.row for sample in vendor.samples} | set(vendor.seen_in_passing)
    assert set(rows) <= seen


def test_every_row_of_http_has_a_sample():
    assert {row.name for row in HTTP} <= {sample.row for sample in OF_HTTP}


@pytest.mark.parametrize(("vendor", "sample"), SAMPLES, ids=name_of)
async def test_a_row_leads_where_its_meaning_does(vendor: Vendor, sample: Sample, monkeypatch: pytest.MonkeyPatch):
    # Given a vendor that will answer as the sample says, and insist if that is that the run is gone
    with serving(made := vendor.stand_in()):
        made.order(sample.phase, *[sample.says] * (TIMES_GONE if sample.ends is Lost else 1))

        # When a job is run there, or a run of one canceled
        if sample.phase is Phase.cancel:
            here = provider(made, vendor.kind, monkeypatch, **vendor.table)
            ended = await canceled(here, vendor.job)
            await here.close()
        else:
            ended = await outcome(vendor, made, monkeypatch, sample)

        # Then the row is the one that is meant, and the end the one that follows
        assert row_of(vendor, sample) == sample.row
        assert ended is sample.ends
        assert not made.faults[sample.phase]


@pytest.mark.parametrize(("vendor", "sample"), STATUSES, indirect=["vendor"], ids=name_of)
async def test_a_status_means_the_same_at_every_vendor(
    vendor: Vendor, stand_in: StandIn, sample: Sample, monkeypatch: pytest.MonkeyPatch
):
    stand_in.order(sample.phase, sample.says)
    ends = RunFailed if vendor.repeats and sample.ends is Ambiguous else sample.ends
    assert await outcome(vendor, stand_in, monkeypatch) is ends


async def test_a_vendor_that_is_not_there_has_not_accepted(vendor: Vendor, monkeypatch: pytest.MonkeyPatch):
    with serving(gone := vendor.stand_in()):
        pass
    assert await outcome(vendor, gone, monkeypatch) is NotAccepted


@pytest.mark.parametrize(
    ("fault", "timeout"), [(Hangs, 0.5), (Drops, 5.0), (Truncates, 5.0), (Drips(0.05), 0.5)], ids=str
)
async def test_a_submission_without_a_whole_answer_is_ambiguous_and_sent_once(
    vendor: Vendor, stand_in: StandIn, fault, timeout: float, monkeypatch: pytest.MonkeyPatch
):
    stand_in.order("submit", fault)
    made = provider(
        stand_in, vendor.kind, monkeypatch, **{**vendor.table, **in_haste(vendor.kind, monkeypatch, timeout)}
    )
    with pytest.raises(RunFailed if vendor.repeats else Ambiguous):
        await made.start(assignment(vendor.job))
    await made.close()
    # The vendor took it all the same, which is why nobody may send it again.
    assert len(stand_in.started) == 1


@pytest.mark.parametrize(("vendor", "phase"), WAYS, indirect=["vendor"], ids=str)
@pytest.mark.parametrize("fault", [Hangs, Drops, Truncates, Drips(), Page(), Page(503)], ids=str)
async def test_trouble_on_the_way_costs_no_run(
    vendor: Vendor, stand_in: StandIn, phase: str, fault, monkeypatch: pytest.MonkeyPatch
):
    # Given a run that was begun with all the time it takes
    given = assignment(vendor.job)
    patient = provider(stand_in, vendor.kind, monkeypatch, **vendor.table)
    handle = await patient.start(given)
    await patient.close()

    # When there is trouble while it is followed
    stand_in.order(phase, fault)
    hasty = provider(stand_in, vendor.kind, monkeypatch, **{**vendor.table, "timeout": 0.3})
    _, made = await follow(hasty, handle, given)
    await hasty.close()

    # Then it ends with the image, without another start
    assert made.data
    assert len(stand_in.started) == 1


@pytest.mark.parametrize("vendor", FOLLOWED, indirect=True, ids=str)
async def test_a_run_of_which_nothing_is_heard_is_given_up(
    vendor: Vendor, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
):
    phase, said = (
        ("poll", "nobody could tell") if vendor.answers_with == "run" else ("download", "cannot be downloaded")
    )
    stand_in.order(phase, *[Page()] * 100)
    made = provider(stand_in, vendor.kind, monkeypatch, **{**vendor.table, "patience": 0.5})
    with pytest.raises(RunFailed if made.free else Ambiguous, match=said):
        await run(made, vendor.job)
    await made.close()
    assert len(stand_in.started) == 1


@pytest.mark.parametrize(("vendor", "sample"), [pair for pair in SAMPLES if pair[1].ends is Lost], ids=name_of)
async def test_a_run_that_is_said_to_be_gone_only_once_is_not(
    vendor: Vendor, sample: Sample, monkeypatch: pytest.MonkeyPatch
):
    with serving(made := vendor.stand_in()):
        made.order(sample.phase, sample.says, Page(), sample.says)
        assert await outcome(vendor, made, monkeypatch) is None
        assert len(made.started) == 1


@pytest.mark.parametrize("vendor", FOLLOWED, indirect=True, ids=str)
async def test_a_run_can_be_followed_by_another_process(
    vendor: Vendor, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
):
    # Given a run that was begun by a provider that is gone
    first = provider(stand_in, vendor.kind, monkeypatch, **vendor.table)
    given = assignment(vendor.job)
    handle = await first.start(given)
    await first.close()

    # When another takes its handle up
    second = provider(stand_in, vendor.kind, monkeypatch, **vendor.table)
    _, made = await follow(second, handle, given)
    await second.close()

    # Then it ends with the image, without another start
    assert made.data.startswith(b"\x89PNG")
    assert len(stand_in.started) == 1


async def test_the_handle_and_the_errors_do_not_show_the_key(
    vendor: Vendor, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
):
    made = provider(stand_in, vendor.kind, monkeypatch, **vendor.table)
    assert KEY not in await made.start(assignment(vendor.job))
    stand_in.order("submit", Says(401, {"detail": f"the key {KEY} is not good"}))
    with pytest.raises(KeyRefused) as refused:
        await made.start(assignment(vendor.job))
    await made.close()
    assert "the key *** is not good" in str(refused.value)


@pytest.mark.parametrize(
    ("vendor", "phase", "says"),
    [
        (FAL, "result", Says(422, {"detail": [{"type": SECRET}], "message": SECRET})),
        (FAL, "result", Says(500, {"detail": SECRET})),
        (COMFYUI, "submit", Says(400, {"error": {}, "node_errors": {"1": {"errors": [{"details": SECRET}]}}})),
        (COMFYUI, "result", history(["execution_error", {"node_type": "x", "exception_message": SECRET}])),
        (ARK, "submit", picture_error("InternalServiceError", SECRET)),
        (BFL, "poll", Says(500, {"detail": SECRET})),
        (CIVITAI, "submit", Says(403, SECRET)),
        (CIVITAI, "poll", failed_workflow(SECRET)),
        (DASHSCOPE, "poll", task("FAILED", code="InternalError", message=SECRET)),
        (GOOGLE, "submit", candidate("NO_IMAGE", message=SECRET)),
        (HORDE, "poll", error_of_the_horde(410, "RequestExpired", SECRET)),
        (REPLICATE, "poll", failed(SECRET)),
        (REPLICATE, "poll", Says(404, {"detail": SECRET})),
        (RUNWARE, "poll", error_of_a_task("inferenceError", message=SECRET)),
        (SDCPP, "poll", told_of_a_job("failed", error={"code": "generation_failed", "message": SECRET})),
    ],
    ids=str,
)
async def test_what_ends_a_run_is_told_in_one_line_without_the_key(
    vendor: Vendor, stand_in: StandIn, phase: str, says: Says, monkeypatch: pytest.MonkeyPatch
):
    stand_in.order(phase, *[says] * 100)
    made = provider(stand_in, vendor.kind, monkeypatch, **{**vendor.table, "patience": 0.1})
    with pytest.raises(ProviderError) as ended:
        await run(made, vendor.job)
    await made.close()
    assert "the key *** is not good" in str(ended.value)


async def test_a_handle_of_another_provider_leads_nowhere(
    vendor: Vendor, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
):
    made = provider(stand_in, vendor.kind, monkeypatch, **vendor.table)
    with pytest.raises(Lost):
        await follow(made, "something else", assignment(vendor.job))
    await made.close()


async def test_a_run_can_be_canceled_twice_and_after_its_end(
    vendor: Vendor, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
):
    made = provider(stand_in, vendor.kind, monkeypatch, **vendor.table)
    given = assignment(vendor.job)
    handle = await made.start(given)
    await follow(made, handle, given)
    for _ in range(2):
        if vendor.can_be_canceled:
            await made.cancel(handle)
        else:
            with pytest.raises(ProviderError, match=r"cannot stop a run|had made the picture|UnsupportedOperation"):
                await made.cancel(handle)
    await made.close()
