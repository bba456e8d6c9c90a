"""The stand-in of DashScope, driven by Alibaba's own Python client: what that accepts is what DashScope says."""

from collections.abc import Iterator
from typing import Any

import dashscope
import pytest
from tests.standins.dashscope import DashScope
from tests.standins.server import KEY, serving

PLUS: dict[str, Any] = {"model": "qwen-image-plus", "prompt": "a kite", "n": 1, "size": "1328*1328", "api_key": KEY}
TURBO: dict[str, Any] = {
    "model": "z-image-turbo",
    "messages": [{"role": "user", "content": [{"text": "a kite"}]}],
    "size": "1024*1024",
    "api_key": KEY,
}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[DashScope]:
    with serving(made := DashScope()):
        monkeypatch.setattr(dashscope, "base_http_api_url", made.url)
        yield made


def test_it_makes_a_picture_and_says_where_it_is(stand_in: DashScope):
    made = dashscope.MultiModalConversation.call(**TURBO)
    assert made.status_code == 200
    assert made.output.choices[0].message.content[0]["image"].startswith(f"{stand_in.url}/results/")
    assert len(stand_in.started) == 1


def test_it_takes_a_task_to_its_picture(stand_in: DashScope):
    submitted = dashscope.ImageSynthesis.async_call(**PLUS)
    assert submitted.output.task_status == "PENDING"
    assert dashscope.ImageSynthesis.list(api_key=KEY).output["total"] == 1
    made = dashscope.ImageSynthesis.wait(submitted, api_key=KEY)
    assert made.output.task_status == "SUCCEEDED"
    assert made.output.results[0].url.startswith(f"{stand_in.url}/results/")


def test_it_stops_a_task_that_waits(stand_in: DashScope):
    stand_in.pending = 1
    submitted = dashscope.ImageSynthesis.async_call(**PLUS)
    assert dashscope.ImageSynthesis.cancel(submitted, api_key=KEY).status_code == 200
    assert dashscope.ImageSynthesis.fetch(submitted, api_key=KEY).output.task_status == "CANCELED"
    again = dashscope.ImageSynthesis.cancel(submitted, api_key=KEY)
    assert (again.status_code, again.code) == (400, "UnsupportedOperation")


def test_it_does_not_know_tasks_that_it_did_not_take(stand_in: DashScope):
    assert dashscope.ImageSynthesis.fetch("another", api_key=KEY).output.task_status == "UNKNOWN"


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"size": "64*64"}, 400, "InvalidParameter"),
        ({"negative_prompt": "rust"}, 400, "InvalidParameter"),
        ({"model": "another"}, 404, "ModelNotFound"),
        ({"api_key": "another"}, 401, "InvalidApiKey"),
    ],
)
def test_its_trouble_is_told_as_the_client_reads_it(stand_in: DashScope, wrong: dict[str, Any], status: int, code: str):
    answer = dashscope.MultiModalConversation.call(**{**TURBO, **wrong})
    assert (answer.status_code, answer.code) == (status, code)
    assert stand_in.started == []


def test_it_takes_no_task_of_a_model_that_takes_none(stand_in: DashScope):
    answer = dashscope.ImageSynthesis.async_call(**{**PLUS, "model": "qwen-image-max"})
    assert (answer.status_code, answer.code) == (403, "AccessDenied")
