"""The stand-in of fal, driven by fal's own Python client: what that accepts is what fal says."""

from collections.abc import Iterator

import fal_client
import fal_client.client
import pytest
from tests.standins.fal import Fal
from tests.standins.server import KEY, Says, serving

ENDPOINT = "fal-ai/flux/dev"


@pytest.fixture
def fal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fal]:
    with serving(stand_in := Fal()):
        stand_in.queued = stand_in.running = 1
        # The client has no setting for an address without TLS.
        monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{stand_in.url}/")
        yield stand_in


def test_it_takes_a_request_from_the_queue_to_its_result(fal: Fal):
    client = fal_client.SyncClient(key=KEY)
    seen: list[fal_client.Status] = []
    result = client.subscribe(ENDPOINT, {"prompt": "a kite", "seed": 7}, on_queue_update=seen.append)
    assert {type(status).__name__ for status in seen} >= {"Queued", "InProgress", "Completed"}
    assert result["images"][0]["content_type"] == "image/png"
    assert result["seed"] == 7
    assert [request.endpoint for request in fal.started] == [ENDPOINT]


def test_it_finds_a_request_by_its_id(fal: Fal):
    client = fal_client.SyncClient(key=KEY)
    submitted = client.submit(ENDPOINT, {"prompt": "a kite"})
    assert isinstance(client.status(ENDPOINT, submitted.request_id), fal_client.Queued)
    assert client.result(ENDPOINT, submitted.request_id)["images"]


def test_it_cancels_a_request(fal: Fal):
    client = fal_client.SyncClient(key=KEY)
    submitted = client.submit(ENDPOINT, {"prompt": "a kite"})
    submitted.cancel()
    with pytest.raises(fal_client.client.FalClientHTTPError, match="cancelled"):
        submitted.get()


def test_it_refuses_what_an_endpoint_does_not_take(fal: Fal):
    client = fal_client.SyncClient(key=KEY)
    with pytest.raises(fal_client.client.FalClientHTTPError) as wrong:
        client.subscribe(ENDPOINT, {"prompt": "a kite", "cfg": 3})
    assert wrong.value.status_code == 422


def test_its_trouble_is_told_as_the_client_reads_it(fal: Fal):
    fal.fails = Says(422, {"detail": "no runner", "error_type": "runner_disconnected"})
    client = fal_client.SyncClient(key=KEY)
    with pytest.raises(fal_client.client.FalClientHTTPError) as trouble:
        client.subscribe(ENDPOINT, {"prompt": "a kite"})
    assert trouble.value.error_type == "runner_disconnected"


def test_it_wants_a_key(fal: Fal):
    with pytest.raises(fal_client.client.FalClientHTTPError) as refused:
        fal_client.SyncClient(key="another").submit(ENDPOINT, {"prompt": "a kite"})
    assert refused.value.status_code == 401
