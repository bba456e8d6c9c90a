"""A Palio behind another: the upstream one is a provider of kind `civitai` to the one in front."""

import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.acceptance.vendors.serving import PICTURE
from tests.conftest import Server, running
from tests.integration.providers.vendors import assignment, fetch, job

from palio.providers.registry import configured
from palio.settings import Settings

FRONT = """
sketch = false
vendors_by_key = false

[providers.upstream]
kind = "civitai"
base_url = "{url}"
api_key_env = "UPSTREAM_TOKEN"
"""
BEHIND = """
sketch = false
vendors_by_key = false

# Grok takes its time here, so that a test can cancel it.
[providers.slow]
kind = "scripted"
seconds = 60
families = "grok"

[providers.quick]
kind = "scripted"
families = "sdxl,flux1-kontext,seedream"
refuse = "forbidden"
"""
SDXL = {
    "engine": "sdcpp",
    "ecosystem": "sdxl",
    "operation": "createImage",
    "model": "urn:air:sdxl:checkpoint:civitai:101055@128078",
}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("behind"), BEHIND) as server:
        yield server


@pytest.fixture(scope="module")
def front(behind: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = FRONT.format(url=behind.url)
    with running(tmp_path_factory.mktemp("front"), config, UPSTREAM_TOKEN=behind.token) as server:
        yield server


def ordered(server: Server, input_: dict[str, Any], wait: int = 60) -> dict[str, Any]:
    """The workflow of one image."""
    step = {"$type": "imageGen", "input": {"prompt": "a kite", **input_}}
    with server.client() as client:
        reply = client.post("/v2/consumer/workflows", json={"steps": [step]}, params={"wait": wait})
    assert reply.status_code in (200, 202), reply.text
    shown: dict[str, Any] = reply.json()
    return shown


def listed(server: Server) -> list[dict[str, Any]]:
    """The workflows of a server, newest first."""
    with server.client() as client:
        items: list[dict[str, Any]] = client.get("/v2/consumer/workflows").json()["items"]
    return items


def first_at(server: Server, is_so: Callable[[list[dict[str, Any]]], bool]) -> dict[str, Any]:
    """The newest workflow of a server as soon as something holds of all of them."""
    until = time.monotonic() + 30
    while not is_so(items := listed(server)):
        assert time.monotonic() < until, items
        time.sleep(0.05)
    return items[0]


def test_a_picture_comes_from_the_server_behind(front: Server, behind: Server):
    # When a picture is ordered in front
    done = ordered(front, {**SDXL, "seed": 7, "width": 768, "height": 512, "outputFormat": "png"})

    # Then it is the one that the server behind made
    assert done["status"] == "succeeded", done["steps"]
    job = done["steps"][0]["jobs"][0]
    assert job["provider"] == "upstream"
    with front.client() as client:
        picture = client.get(done["steps"][0]["output"]["images"][0]["url"], follow_redirects=True).content
    with Image.open(BytesIO(picture)) as image:
        assert image.size == (768, 512)
    run = listed(behind)[0]
    assert run["steps"][0]["input"] == {
        **SDXL, "prompt": "a kite", "seed": 7, "width": 768, "height": 512, "steps": 20, "cfgScale": 7,
        "sampleMethod": "euler", "schedule": "discrete", "outputFormat": "png",
    }  # fmt: skip
    assert "palio" in run["tags"]


def test_pictures_to_work_from_go_along(front: Server):
    done = ordered(front, {"engine": "flux1-kontext", "model": "dev", "images": [PICTURE]})
    assert done["status"] == "succeeded", done["steps"]


def test_what_is_refused_behind_is_refused_in_front(front: Server):
    done = ordered(front, {"engine": "seedream", "prompt": "something forbidden"})
    assert done["steps"][0]["jobs"][0]["reason"] == "blocked"


def test_what_nobody_does_behind_is_told_in_front(front: Server):
    done = ordered(front, {"engine": "flux2", "model": "pro", "operation": "createImage"})
    assert done["status"] == "failed"
    assert "no_provider_available" in str(done["steps"][0]["output"]["errors"])


def test_a_cancel_in_front_is_one_behind(front: Server, behind: Server):
    # Given a run that takes a minute
    begun = ordered(front, {"engine": "grok", "operation": "createImage"}, wait=0)
    run = first_at(behind, lambda items: bool(items) and items[0]["steps"][0]["input"]["engine"] == "grok")

    # When it is canceled in front
    with front.client() as client:
        client.put(f"/v2/consumer/workflows/{begun['id']}", json={"status": "canceled"})

    # Then it ends behind
    with behind.client() as client:
        reply = client.get(f"/v2/consumer/workflows/{run['id']}", params={"wait": 30})
    assert reply.json()["status"] == "canceled"


def test_a_run_goes_on_behind_while_the_server_in_front_is_started_again(behind: Server, tmp_path: Path):
    config = FRONT.format(url=behind.url)
    with running(tmp_path, config, UPSTREAM_TOKEN=behind.token) as first:
        before = len(listed(behind))
        begun = ordered(first, {"engine": "grok", "operation": "createImage"}, wait=0)
        run = first_at(behind, lambda items: len(items) > before)
        first.kill()
    with running(tmp_path, config, UPSTREAM_TOKEN=behind.token) as second, second.client() as client:
        again: httpx.Response = client.get(f"/v2/consumer/workflows/{begun['id']}")
        assert again.json()["status"] in ("preparing", "scheduled", "processing")
        client.put(f"/v2/consumer/workflows/{begun['id']}", json={"status": "canceled"})
    assert len(listed(behind)) == before + 1
    assert listed(behind)[0]["id"] == run["id"]


async def test_a_run_is_found_behind_and_one_that_never_arrived_cannot_begin_there(
    behind: Server, monkeypatch: pytest.MonkeyPatch
):
    # Given a run that was begun behind, and one of which nothing was heard
    monkeypatch.setenv("UPSTREAM_TOKEN", behind.token)
    table = {"kind": "civitai", "base_url": behind.url, "api_key_env": "UPSTREAM_TOKEN"}
    upstream = configured(Settings(providers={"upstream": table}, sketch=False), fetch)["upstream"]
    asked = job(engine="seedream")
    begun, unheard = assignment(asked, "begun" + "0" * 27), assignment(asked, "unheard" + "0" * 25)
    handle = await upstream.start(begun)

    # When both are looked for
    found = await upstream.find(begun.attempt_id)
    missing = await upstream.find(unheard.attempt_id)

    # Then the first is found, and the second does not begin even if it arrives now
    assert found is not None
    assert json.loads(found)["id"] == json.loads(handle)["id"]
    assert missing is None
    before = len(listed(behind))
    await upstream.start(unheard)
    assert len(listed(behind)) == before
    assert await upstream.find(unheard.attempt_id) is None
    await upstream.close()
