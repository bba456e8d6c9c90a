"""The stand-in of Ark, driven by ByteDance's own Python client: what that accepts is what Ark says."""

from collections.abc import Iterator
from typing import Any

import pytest
from byteplussdkarkruntime import Ark as Client
from byteplussdkarkruntime import _exceptions as trouble
from tests.standins.ark import Ark, error, picture_error
from tests.standins.server import KEY, serving

ASKED: dict[str, Any] = {
    "model": "seedream-4-5-251128",
    "prompt": "a kite",
    "size": "2048x2048",
    "response_format": "url",
    "watermark": False,
    "sequential_image_generation": "disabled",
}


@pytest.fixture
def ark() -> Iterator[Ark]:
    with serving(stand_in := Ark()):
        yield stand_in


@pytest.fixture
def client(ark: Ark) -> Iterator[Client]:
    with Client(base_url=ark.url, api_key=KEY, max_retries=0) as made:
        yield made


def test_it_makes_a_picture_and_says_where_it_is(ark: Ark, client: Client):
    made = client.images.generate(**ASKED)
    assert made.data[0].url.startswith(f"{ark.url}/content/")
    assert (made.data[0].size, made.usage.generated_images) == ("2048x2048", 1)
    assert len(ark.started) == 1


def test_it_edits_pictures(ark: Ark, client: Client):
    made = client.images.generate(image=["data:image/png;base64,AA==", "data:image/png;base64,AA=="], **ASKED)
    assert made.data[0].url


def test_it_refuses_what_a_model_does_not_take(client: Client):
    with pytest.raises(trouble.ArkBadRequestError) as wrong:
        client.images.generate(**{**ASKED, "guidance_scale": 3.5})
    assert wrong.value.code == "InvalidParameter"
    with pytest.raises(trouble.ArkBadRequestError):
        client.images.generate(**{**ASKED, "size": "1024x1024"})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InputTextSensitiveContentDetected", trouble.ArkBadRequestError),
        (403, "AccountOverdueError", trouble.ArkPermissionDeniedError),
        (429, "ServerOverloaded", trouble.ArkRateLimitError),
        (500, "InternalServiceError", trouble.ArkInternalServerError),
    ],
)
def test_its_trouble_is_told_as_the_client_reads_it(
    ark: Ark, client: Client, status: int, code: str, kind: type[trouble.ArkAPIStatusError]
):
    ark.order("submit", error(status, code, "x"))
    with pytest.raises(kind) as told:
        client.images.generate(**ASKED)
    assert told.value.code == code


def test_a_picture_that_was_stopped_is_told_in_its_place(ark: Ark, client: Client):
    ark.order("submit", picture_error("OutputImageSensitiveContentDetected", "x"))
    assert client.images.generate(**ASKED).usage.generated_images == 0


def test_it_wants_a_key(ark: Ark):
    with Client(base_url=ark.url, api_key="another", max_retries=0) as stranger, pytest.raises(trouble.ArkAPIError):
        stranger.images.generate(**ASKED)
