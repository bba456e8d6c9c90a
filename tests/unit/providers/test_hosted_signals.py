"""What an answer means, and what follows from it, for any answer at all."""

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.providers.base import Ambiguous, Incapable, NotAccepted, ProviderError, RateLimited, Refused, RunFailed
from palio.providers.hosted.signals import Meaning, Phase, Reply, Verdict, has, judge, matches, row_in, says
from palio.providers.registry import VENDORS
from palio.providers.wire import Answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "succeeded", "COMPLETED", "error"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "detail", "error", "error_type", "images", "output", "id", "queue_running"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def reply(status: int, body: object) -> Reply:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(Answer(status, httpx.Headers(), content), "id")


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("meaning", Meaning)
def test_every_meaning_is_judged_in_every_phase(phase: Phase, meaning: Meaning):
    judgement = judge(phase, meaning)
    assert isinstance(judgement, Verdict) or issubclass(judgement, ProviderError)


def test_a_run_that_may_be_paid_never_ends_as_if_nothing_had_begun():
    for phase in (Phase.poll, Phase.result):
        ends = {judge(phase, meaning) for meaning in Meaning}
        assert not ends & {NotAccepted, RateLimited}


@pytest.mark.parametrize("status", range(400, 600))
def test_no_status_alone_ends_a_run_that_may_be_paid(status: int):
    for phase in (Phase.poll, Phase.result):
        assert judge(phase, row_in((), phase, reply(status, {})).meaning) is Verdict.insist


def test_a_submission_is_never_repeated_by_waiting():
    assert not {judge(Phase.submit, meaning) for meaning in Meaning} & {Verdict.wait, Verdict.insist}


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=lambda vendor: vendor.kind)
@given(status=st.integers(100, 599), body=st.binary(max_size=20) | JSON, phase=st.sampled_from(Phase))
def test_no_answer_is_without_a_meaning(vendor, status: int, body: object, phase: Phase):
    judge(phase, row_in(vendor.signals, phase, reply(status, body)).meaning)


@pytest.mark.parametrize(
    ("status", "ends"), [(400, Incapable), (404, Incapable), (429, RateLimited), (500, Ambiguous), (503, NotAccepted)]
)
def test_statuses_mean_what_they_do_in_http(status: int, ends: type[ProviderError]):
    assert judge(Phase.submit, row_in((), Phase.submit, reply(status, {})).meaning) is ends


def test_a_reply_is_read_without_stumbling():
    answer = reply(200, {"a": [{"b": "text"}, 3], "n": True})
    assert answer.text("a", 0, "b") == "text"
    assert answer.number("a", 1) == 3
    assert answer.number("n") is None
    assert answer.at("a", 5, "b") is None
    assert answer.at("a", "b", 0) is None
    assert answer.items("a", 0) == []
    assert reply(200, b"<html>").json is None


def test_tests_of_a_row_look_at_one_place():
    answer = reply(200, {"status": "failed", "error": "NSFW content detected", "empty": []})
    assert says("failed", "status")(answer)
    assert not says("failed", "error")(answer)
    assert matches("nsfw", "error")(answer)
    assert has("error")(answer)
    assert not has("empty")(answer)


def test_refusals_and_failures_end_a_run_in_any_phase():
    for phase in (Phase.submit, Phase.poll, Phase.result):
        assert judge(phase, Meaning.refused) is Refused
        assert judge(phase, Meaning.failed) is RunFailed
