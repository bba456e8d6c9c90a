"""`metadata.palio` over HTTP: told by path when it is wrong, and obeyed when it is right."""

import pytest
from tests.conftest import Server
from tests.integration.engine.running import image

from palio.contract.json import Json, JsonObject

WORKFLOWS = "/v2/consumer/workflows"


@pytest.mark.parametrize(
    ("steering", "path"),
    [
        ("fast", "metadata.palio"),
        ({"objective": "soonest"}, "metadata.palio.objective"),
        ({"deadline": "tomorrow"}, "metadata.palio.deadline"),
        ({"deadline": -1}, "metadata.palio.deadline"),
        ({"providers": "sketch"}, "metadata.palio.providers"),
        ({"providers": ["nobody"]}, "metadata.palio.providers[0]"),
        ({"exclude": [7]}, "metadata.palio.exclude"),
        ({"maxPrice": "cheap"}, "metadata.palio.maxPrice"),
        ({"hedge": 2}, "metadata.palio.hedge"),
        ({"hegde": 0.1}, "metadata.palio.hegde"),
    ],
)
@pytest.mark.parametrize("on", ["workflow", "step"])
def test_what_is_wrong_is_told_by_its_path(server: Server, steering: Json, path: str, on: str) -> None:
    metadata: JsonObject = {"palio": steering}
    step = {**image(), **({"metadata": metadata} if on == "step" else {})}
    body = {"steps": [step], **({"metadata": metadata} if on == "workflow" else {})}
    with server.client() as client:
        reply = client.post(WORKFLOWS, json=body)

    assert reply.status_code == 400
    assert list(reply.json()["errors"]) == [path if on == "workflow" else f"steps[0].{path}"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_it_cannot_be_made_wrong_later(server: Server, method: str) -> None:
    with server.client() as client:
        workflow_id = client.post(WORKFLOWS, json={"steps": [image()]}).json()["id"]
        wrong: Json = {"palio": {"objective": "soonest"}}
        if method == "PUT":
            body: Json = {"metadata": wrong}
        else:
            body = [{"op": "replace", "path": "/metadata", "value": wrong}]
        reply = client.request(method, f"{WORKFLOWS}/{workflow_id}", json=body)

    assert reply.status_code == 400
    assert list(reply.json()["errors"]) == ["metadata.palio.objective"]


def test_who_may_not_be_asked_is_not(server: Server) -> None:
    with server.client() as client:
        reply = client.post(
            WORKFLOWS, params={"wait": 30}, json={"steps": [image()], "metadata": {"palio": {"exclude": ["sketch"]}}}
        )

    [job] = reply.json()["steps"][0]["jobs"]
    assert (reply.json()["status"], job["reason"]) == ("failed", "no_provider_available")
    declined = {decline["provider"]: decline["why"] for decline in job["declined"]}
    assert declined == {"sketch": "excluded", "slow": "cannot", "strict": "cannot", "broken": "cannot"}
