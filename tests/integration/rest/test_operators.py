"""What only the operator of a server may see."""

import httpx
from tests.conftest import Server

PROVIDERS = "/v2/operator/providers"


def test_the_token_of_the_first_start_sees_how_the_providers_stand(server: Server) -> None:
    with server.client() as client:
        client.post(
            "/v2/consumer/workflows/image",
            params={"wait": 30},
            json={"engine": "seedream", "prompt": "a red kite"},
        ).raise_for_status()
        reply = client.get(PROVIDERS)

    assert reply.status_code == 200
    providers = {provider["name"]: provider for provider in reply.json()["items"]}
    assert providers.keys() == {"slow", "strict", "broken", "sketch"}
    strict = providers["strict"]
    assert (strict["kind"], strict["state"], strict["running"], strict["places"]) == ("scripted", "ready", 0, 4)
    assert strict["models"][0]["runs"] >= 1
    assert strict["models"][0]["breaker"] == "closed"
    assert "opensIn" not in strict


def test_any_other_token_does_not(server: Server) -> None:
    with server.client(server.another_token("guest")) as client:
        reply = client.get(PROVIDERS)

    assert reply.status_code == 403
    assert reply.headers["content-type"] == "application/problem+json"
    assert "--operator" in reply.json()["detail"]


def test_without_a_token_nobody_does(server: Server) -> None:
    assert httpx.get(server.url + PROVIDERS).status_code == 401
