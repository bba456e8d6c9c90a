"""A server that is killed at any moment loses nothing, and pays for nothing twice, when it is started again."""

import asyncio
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from tests.conftest import PALIO, Server, environment, running
from tests.integration.engine.running import image, variant_of

from palio.contract.json import Json, JsonObject
from palio.store.database import sqlite_url
from palio.store.store import Store

PATIENCE = 30.0
WORKFLOWS = "/v2/consumer/workflows"


class Vendor:
    """A provider that is paid for every start and keeps the receipts; its runs go on whatever becomes of Palio."""

    def __init__(self, data: Path, seconds: float, concurrency: int = 100) -> None:
        self._data = data
        self._receipts = data / "receipts"
        self.config = f"""
            sketch = false
            [providers.vendor]
            kind = "scripted"
            concurrency = {concurrency}
            price = 0.02
            seconds = {seconds}
            tiny = true
            starts = "{self._receipts}"
        """

    def starts(self) -> Counter[str]:
        """How often each job was started, by its id."""
        attempts = self._receipts.read_text().split() if self._receipts.exists() else []
        rows = in_database(self._data, "SELECT id, job_id FROM attempts")
        job_of = {str(attempt): str(job) for attempt, job in rows}
        return Counter(job_of[attempt] for attempt in attempts)


def in_database(data: Path, sql: str) -> list[tuple[object, ...]]:
    """Run a statement on the database of a server that has stopped, or is only read meanwhile."""
    store = Store(sqlite_url(data))
    try:
        with store.database.engine.begin() as connection:
            result = connection.execute(text(sql))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        store.close()


def submit(server: Server, *steps: Json, wait: int = 0) -> JsonObject:
    """The reply to a submission."""
    with server.client() as client:
        response = client.post(WORKFLOWS, params={"wait": wait}, json={"steps": [*steps]})
    assert response.status_code in (200, 202), response.text
    return dict(response.json())


def until(server: Server, workflow_id: Json, is_so: Callable[[JsonObject], bool]) -> JsonObject:
    """A workflow as soon as it is in some state."""
    deadline = time.monotonic() + PATIENCE
    with server.client() as client:
        while time.monotonic() < deadline:
            workflow: JsonObject = client.get(f"{WORKFLOWS}/{workflow_id}").raise_for_status().json()
            if is_so(workflow):
                return workflow
            time.sleep(0.02)
    raise AssertionError(f"still {workflow}")


def end_of(server: Server, workflow_id: Json) -> JsonObject:
    """A workflow once it is over."""
    return until(server, workflow_id, lambda found: found["status"] in ("succeeded", "failed", "expired", "canceled"))


def is_processing(workflow: JsonObject) -> bool:
    return workflow["status"] == "processing"


def jobs(workflow: JsonObject) -> list[JsonObject]:
    """The jobs of all steps."""
    return [job for step in workflow["steps"] for job in step.get("jobs", [])]  # type: ignore[union-attr,misc]


def pictures(server: Server, workflow: JsonObject) -> list[bytes]:
    """What a client downloads of a workflow."""
    images = [blob for step in workflow["steps"] for blob in step["output"]["images"]]  # type: ignore[union-attr,index,call-overload]
    paths = [str(blob["url"]).split("/", 3)[3] for blob in images]  # type: ignore[index,call-overload]
    return [httpx.get(f"{server.url}/{path}", follow_redirects=True).raise_for_status().content for path in paths]


def test_what_was_accepted_and_not_begun_is_done(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=0.2, concurrency=1)
    with running(tmp_path, vendor.config) as server:
        accepted = [submit(server, image(quantity=2))["id"] for _ in range(5)]
        server.kill()

    with running(tmp_path, vendor.config) as server:
        ended = [end_of(server, workflow_id) for workflow_id in accepted]

    assert {workflow["status"] for workflow in ended} <= {"succeeded", "failed"}
    assert [workflow["status"] for workflow in ended].count("failed") <= 1  # started, and killed before it had a handle
    assert set(vendor.starts().values()) == {1}


def test_a_paid_run_is_watched_on_and_not_paid_again(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=2)
    with running(tmp_path, vendor.config) as server:
        workflow_id = submit(server, image(quantity=3))["id"]
        until(server, workflow_id, is_processing)
        time.sleep(0.3)
        server.kill()

    with running(tmp_path, vendor.config) as server:
        workflow = end_of(server, workflow_id)
        assert all(picture.startswith(b"\x89PNG") for picture in pictures(server, workflow))

    assert workflow["status"] == "succeeded"
    assert [len(job["attempts"]) for job in jobs(workflow)] == [1, 1, 1]  # type: ignore[arg-type]
    assert sorted(vendor.starts().values()) == [1, 1, 1]


def test_a_run_that_costs_nothing_is_begun_again(tmp_path: Path) -> None:
    with running(tmp_path, "") as server:
        workflow_id = submit(server, image(width=2048, height=2048))["id"]
        until(server, workflow_id, is_processing)
        server.kill()

    with running(tmp_path, "") as server:
        workflow = end_of(server, workflow_id)
        [picture] = pictures(server, workflow)

    [job] = jobs(workflow)
    assert workflow["status"] == "succeeded"
    assert [attempt["status"] for attempt in job["attempts"]] == ["lost", "succeeded"]  # type: ignore[union-attr,index,call-overload]
    assert picture.startswith(b"\x89PNG")


def test_a_paid_start_that_was_never_answered_is_not_repeated(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=60)
    with running(tmp_path, vendor.config) as server:
        workflow_id = submit(server, image())["id"]
        until(server, workflow_id, is_processing)
        time.sleep(0.2)
        server.kill()
    # Given a server that was killed between its request and the answer
    in_database(tmp_path, "UPDATE attempts SET status = 'claimed', handle = NULL")

    with running(tmp_path, vendor.config) as server:
        workflow = end_of(server, workflow_id)

    [job] = jobs(workflow)
    assert (workflow["status"], job["reason"]) == ("failed", "ambiguous")
    assert list(vendor.starts().values()) == [1]


def test_through_several_kills_nothing_is_lost_and_nothing_paid_twice(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=0.5, concurrency=3)
    with running(tmp_path, vendor.config) as server:
        accepted = [submit(server, image(quantity=2))["id"] for _ in range(20)]
        server.kill()
    for _ in range(4):
        with running(tmp_path, vendor.config) as server:
            time.sleep(0.7)
            server.kill()

    with running(tmp_path, vendor.config) as server:
        ended = [end_of(server, workflow_id) for workflow_id in accepted]

    statuses = Counter(job["status"] for workflow in ended for job in jobs(workflow))
    reasons = {job.get("reason") for workflow in ended for job in jobs(workflow)}
    assert statuses.total() == 40
    # A kill may fall between a start and its answer, at most once for each place
    assert statuses["succeeded"] >= 40 - 5 * 3
    assert reasons <= {None, "ambiguous"}
    assert set(vendor.starts().values()) == {1}


def copies(workflow: JsonObject, step: int) -> list[JsonObject]:
    """The steps that a step has repeated so far."""
    output = workflow["steps"][step].get("output", {})  # type: ignore[union-attr,index,call-overload]
    return list(output.get("steps", []))


def test_what_a_repeat_had_done_is_not_done_again(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=0.5, concurrency=2)
    fan_out: JsonObject = {
        "$type": "repeat",
        "input": {
            "for": {"$ref": "draft", "path": "output.images", "as": "draft-image"},
            "template": variant_of({"$ref": "draft-image", "path": "url"}),
        },
    }
    with running(tmp_path, vendor.config) as server:
        workflow_id = submit(server, image(name="draft", quantity=5), fan_out)["id"]
        left = until(
            server, workflow_id, lambda found: [copy["status"] for copy in copies(found, 1)].count("succeeded") > 1
        )
        server.kill()

    with running(tmp_path, vendor.config) as server:
        ended = end_of(server, workflow_id)

    before, after = copies(left, 1), copies(ended, 1)
    every_job = [*jobs(ended), *(job for copy in after for job in copy["jobs"])]  # type: ignore[union-attr]
    reasons = {job.get("reason") for job in every_job}  # type: ignore[union-attr]
    assert reasons <= {None, "ambiguous"}
    assert (
        [copy["name"] for copy in after]
        == [copy["name"] for copy in before]
        == [f"$1[{number}]" for number in range(5)]
    )
    for was, became in zip(before, after, strict=True):
        if was["status"] == "succeeded":
            assert became["completedAt"] == was["completedAt"]
    # A job that was claimed when the kill came may not have been started; it is not known, so nobody starts it again
    unknown = [job for job in every_job if job["status"] != "succeeded"]  # type: ignore[call-overload,index]
    assert len(every_job) == 10
    assert len(unknown) <= 2
    assert len(vendor.starts()) >= 10 - len(unknown)
    assert set(vendor.starts().values()) == {1}


def test_a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=1)
    with running(tmp_path, vendor.config) as server:
        workflow_id = submit(server, image())["id"]

        second = subprocess.run(
            [*PALIO, "serve", "--port", "0", "--mcp-port", "0", "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
            env=environment(),
        )

        assert second.returncode != 0
        assert f"another Palio server uses the data folder {tmp_path}" in second.stderr
        assert "Traceback" not in second.stderr
        assert end_of(server, workflow_id)["status"] == "succeeded"
    assert list(vendor.starts().values()) == [1]


def test_a_killed_server_does_not_keep_the_next_from_starting(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.kill()

    with running(tmp_path) as server:
        assert submit(server, {"$type": "echo", "input": {"message": "hi"}}, wait=10)["status"] == "succeeded"


def test_a_cancel_survives_a_kill(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=60)
    with running(tmp_path, vendor.config) as server:
        workflow_id = submit(server, image())["id"]
        until(server, workflow_id, is_processing)
        server.kill()
    # Given a cancel that was recorded and not carried out
    in_database(tmp_path, "UPDATE workflows SET cancel_requested_at = 1")

    with running(tmp_path, vendor.config) as server:
        assert end_of(server, workflow_id)["status"] == "canceled"


class TestStopping:
    @pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
    def test_held_replies_are_answered_and_the_server_stops_within_seconds(
        self, tmp_path: Path, sent: signal.Signals
    ) -> None:
        vendor = Vendor(tmp_path, seconds=60)
        replies: list[JsonObject] = []
        with running(tmp_path, vendor.config) as server:
            waiting = [
                threading.Thread(target=lambda: replies.append(submit(server, image(), wait=90))) for _ in range(5)
            ]
            for thread in waiting:
                thread.start()
            time.sleep(1)

            began = time.monotonic()
            server.process.send_signal(sent)
            for thread in waiting:
                thread.join(10)
            server.process.wait(10)
            seconds = time.monotonic() - began

        assert [reply["status"] for reply in replies] == ["processing"] * 5
        assert seconds < 5
        assert server.process.returncode in (0, -sent, 130)

    def test_what_ran_goes_on_at_the_next_start(self, tmp_path: Path) -> None:
        vendor = Vendor(tmp_path, seconds=2)
        with running(tmp_path, vendor.config) as server:
            workflow_id = submit(server, image())["id"]
            until(server, workflow_id, is_processing)

        with running(tmp_path, vendor.config) as server:
            assert end_of(server, workflow_id)["status"] == "succeeded"
        assert list(vendor.starts().values()) == [1]


async def test_a_load_of_submissions_that_is_cut_off_is_answered_or_was_never_accepted(tmp_path: Path) -> None:
    vendor = Vendor(tmp_path, seconds=0.3)
    with running(tmp_path, vendor.config) as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers) as client:

            async def submit_one(number: int) -> Json:
                body = {"steps": [image()], "externalId": f"order-{number}"}
                response = await client.post(WORKFLOWS, json=body)
                assert response.status_code == 202
                return str(response.json()["id"])

            submitting = [asyncio.ensure_future(submit_one(number)) for number in range(40)]
            await asyncio.wait(submitting[:15])
            server.kill()
            outcomes = await asyncio.gather(*submitting, return_exceptions=True)
    accepted = [outcome for outcome in outcomes if isinstance(outcome, str)]

    with running(tmp_path, vendor.config) as server:
        ended = [end_of(server, workflow_id) for workflow_id in accepted]
        # Then whoever had no answer asks again under the same name, and nothing is done twice
        again = [submit_again(server, number) for number in range(40)]
        for workflow_id in again:
            end_of(server, workflow_id)

    assert len(accepted) >= 15
    assert {workflow["status"] for workflow in ended} <= {"succeeded", "failed"}
    assert set(accepted) <= set(again)
    assert set(vendor.starts().values()) == {1}
    assert len(set(again)) == 40


def submit_again(server: Server, number: int) -> str:
    """The id of the workflow with an external id."""
    with server.client() as client:
        response = client.post(WORKFLOWS, json={"steps": [image()], "externalId": f"order-{number}"})
    return str(response.json()["id"])
