"""Pipelines of diffusers through a real `palio serve`: pictures, and what becomes of jobs when a process is killed."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image
from tests.acceptance.vendors.serving import OVER, TRIES, make
from tests.conftest import Server, running
from tests.integration.diffusers.orders import ORDERS, PICTURE, SD1, Z_IMAGE, tables
from tests.integration.diffusers.tiny_fixture import tiny

__all__ = ["tiny"]

LONG = {"$type": "imageGen", "input": {**SD1, "prompt": "a tin robot", "steps": 150, "width": 256, "height": 256}}
KILLED = "the process of gpu has ended (signal SIGKILL)"
SOON = 60.0
"""Seconds within which what a test waits for has to happen."""


@pytest.fixture(scope="module")
def server(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("diffusers"), configuration(tiny), OMP_NUM_THREADS="1") as started:
        yield started


def configuration(tiny: Path) -> str:
    table = {**tables(tiny), "memory": "1GB"}
    files, models = table.pop("files"), table.pop("models")
    lines = ["sketch = false", "[providers.gpu]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    lines += ["[providers.gpu.files]", *(f'"{air}" = "{path}"' for air, path in files.items())]
    for name, model in models.items():
        lines += [f"[providers.gpu.models.{name}.files]"]
        lines += [f'{kind} = "{path}"' for kind, path in model["files"].items()]
    return "\n".join(lines)


def child_of(server: Server) -> psutil.Process:
    children = psutil.Process(server.process.pid).children()
    return next(child for child in children if "palio.providers.diffusers.child" in child.cmdline())


def submitted(client: httpx.Client, step: dict[str, Any]) -> str:
    reply = client.post("/v2/consumer/workflows", json={"steps": [step]})
    assert reply.status_code in (200, 202), reply.text
    return str(reply.json()["id"])


def seen(client: httpx.Client, id_: str, wait: int = 0) -> dict[str, Any]:
    workflow: dict[str, Any] = client.get(f"/v2/consumer/workflows/{id_}", params={"wait": wait}).json()
    return workflow


def under_way(client: httpx.Client, id_: str, at_least: float) -> None:
    """Wait until a workflow's only job has come so far."""
    until = time.monotonic() + SOON
    while ((workflow := seen(client, id_))["steps"][0].get("estimatedProgressRate") or 0.0) < at_least:
        assert workflow["status"] not in OVER, workflow
        assert time.monotonic() < until
        time.sleep(0.02)


def test_every_family_makes_pictures_of_the_size_that_was_asked_for(server: Server):
    made = make(server, {name: {"seed": 7, **input_} for name, input_ in ORDERS.items()})
    assert {name: said for name, said in made.items() if isinstance(said, str)} == {}
    sizes = {name: picture.size for name, picture in made.items() if isinstance(picture, Image.Image)}
    assert sizes == {name: (input_["width"], input_["height"]) for name, input_ in ORDERS.items()}


def test_what_it_cannot_do_exactly_is_in_the_error_of_the_job(server: Server):
    net = {"preprocessor": "canny", "weight": 1, "startStep": 0, "endStep": 1, "image": PICTURE}
    made = make(server, {"net": {**Z_IMAGE, "controlNets": [net]}, "sampler": {**Z_IMAGE, "sampleMethod": "lcm"}})
    assert "takes no ControlNets" in str(made["net"])
    assert "has no sampler lcm" in str(made["sampler"])


def test_a_job_whose_process_is_killed_under_way_succeeds_on_a_retry(server: Server):
    with server.client() as client:
        id_ = submitted(client, LONG | {"retries": 2})
        under_way(client, id_, 0.05)
        child_of(server).kill()
        for _ in range(TRIES):
            if (workflow := seen(client, id_, wait=30))["status"] in OVER:
                break
        assert workflow["status"] == "succeeded", workflow
        # And what was wrong at first is told
        first = workflow["steps"][0]["jobs"][0]["attempts"][0]
        assert (first["status"], first["detail"]) == ("failed", KILLED)
    assert server.process.poll() is None


def test_what_ends_a_service_is_for_the_server_to_answer_and_not_for_the_process(server: Server):
    with server.client() as client:
        id_ = submitted(client, LONG)
        under_way(client, id_, 0.02)
        child_of(server).send_signal(signal.SIGTERM)
        for _ in range(TRIES):
            if (workflow := seen(client, id_, wait=30))["status"] in OVER:
                break
    attempts = workflow["steps"][0]["jobs"][0]["attempts"]
    assert [attempt["status"] for attempt in attempts] == ["succeeded"]


def test_a_workflow_that_is_canceled_leaves_the_process_free(server: Server):
    with server.client() as client:
        id_ = submitted(client, LONG)
        under_way(client, id_, 0.02)
        child = child_of(server)
        reply = client.put(f"/v2/consumer/workflows/{id_}", json={"status": "canceled"})
        assert reply.status_code in (200, 204), reply.text
    assert isinstance(made := make(server, {"next": SD1})["next"], Image.Image), made
    assert child_of(server) == child


def test_no_process_outlives_a_server_that_is_killed(server: Server):
    child = child_of(server)
    with server.client() as client:
        under_way(client, submitted(client, LONG), 0.02)
    server.kill()
    assert psutil.wait_procs([child], timeout=SOON)[1] == []
