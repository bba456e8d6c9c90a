"""GET of one workflow and of its steps; replies are held until there is something new to say."""

import re
import threading
import time
from datetime import UTC, datetime
from urllib.parse import quote

WORKFLOWS = "/v2/consumer/workflows"


def test_200_when_over_and_202_while_it_runs(api):
    over = api.run(api.echo())
    running = api.start(api.slow())

    assert api.get(f"{WORKFLOWS}/{over['id']}").status_code == 200
    assert api.get(f"{WORKFLOWS}/{running['id']}").status_code == 202
    api.delete(f"{WORKFLOWS}/{running['id']}")


def test_a_workflow_that_nobody_knows_is_not_found(api):
    for workflow_id in ("nothing", "01JAAAAAAAAAAAAAAAAAAAAAAA", "%00", "%2e%2e", "a%20b", "%F0%9F%90%8E", "x" * 5000):
        assert api.get(f"{WORKFLOWS}/{workflow_id}").status_code == 404


def test_whoever_waits_is_woken_by_the_end(api):
    # Given a workflow that would take a minute, and somebody who waits for it
    workflow = api.start(api.slow())
    answered = []

    def wait():
        reply = api.get(f"{WORKFLOWS}/{workflow['id']}", params={"wait": 60})
        answered.append((time.time(), reply))

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)

    # When it ends
    api.put(f"{WORKFLOWS}/{workflow['id']}", json={"status": "canceled"})
    waiting.join(20)

    # Then the reply comes at once, not at the next look
    ((at, reply),) = answered
    assert reply.status_code == 200
    assert reply.json()["status"] == "canceled"
    ended = datetime.fromisoformat(reply.json()["completedAt"]).timestamp()
    assert at - ended < 0.5


def test_ten_can_wait_for_the_same_workflow(api):
    workflow = api.start(api.slow())
    replies = []
    waiting = [
        threading.Thread(
            target=lambda: replies.append(api.get(f"{WORKFLOWS}/{workflow['id']}", params={"wait": 60}).json())
        )
        for _ in range(10)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    api.put(f"{WORKFLOWS}/{workflow['id']}", json={"status": "canceled"})
    for thread in waiting:
        thread.join(20)

    assert [reply["status"] for reply in replies] == ["canceled"] * 10


def test_a_held_reply_has_a_body_when_the_time_is_up(api):
    workflow = api.start(api.slow())

    reply = api.get(f"{WORKFLOWS}/{workflow['id']}", params={"wait": 1})

    assert reply.status_code == 202
    assert reply.json()["id"] == workflow["id"]
    api.delete(f"{WORKFLOWS}/{workflow['id']}")


def test_progress_is_shown_while_it_is_made(api):
    workflow = api.submit(api.slow(), query={"wait": 1}).json()

    # A minute's work tells its progress every three seconds.
    step = api.workflow(workflow["id"], wait=4)["steps"][0]

    assert 0 < step["estimatedProgressRate"] < 1
    assert 0 < step["jobs"][0]["estimatedProgressRate"] < 1
    api.delete(f"{WORKFLOWS}/{workflow['id']}")


def test_times_tell_the_order_of_events(api):
    workflow = api.run(api.echo())

    times = [datetime.fromisoformat(workflow[name]) for name in ("createdAt", "startedAt", "completedAt")]
    assert times == sorted(times)
    assert abs((datetime.now(UTC) - times[0]).total_seconds()) < 60


class TestStep:
    def test_the_default_name_may_be_written_in_every_usual_way(self, api):
        workflow = api.run(api.echo(), api.echo("second"))

        for written in ("$1", "%241", "1"):
            reply = api.get(f"{WORKFLOWS}/{workflow['id']}/steps/{written}")
            assert reply.status_code == 200
            assert reply.json() == workflow["steps"][1]

    def test_a_name_may_have_any_characters(self, api):
        names = ["a/b", "a b", "größe:1@2", "50%", "🐎", "a?b#c", "%2F", "tags/x", "..a", "+"]
        workflow = api.run(*(api.echo(name, name=name) for name in names))

        for name in names:
            reply = api.get(f"{WORKFLOWS}/{workflow['id']}/steps/{quote(name, safe='')}")
            assert reply.status_code == 200, name
            assert reply.json()["output"] == {"message": name}

    def test_a_step_that_is_called_by_a_number_is_found_by_it(self, api):
        workflow = api.run(api.echo("first"), api.echo("named", name="0"))

        for written, message in (("0", "named"), ("$0", "first")):
            path = f"{WORKFLOWS}/{workflow['id']}/steps/{written}"
            assert api.get(path).json()["output"] == {"message": message}
            assert api.put(path, json={"metadata": {"of": message}}).status_code == 204
            assert api.get(path).json()["metadata"] == {"of": message}

    def test_other_names_are_not_found(self, api):
        workflow = api.run(api.echo())

        for name in ("$1", "7", "x", "%00", "²"):
            assert api.get(f"{WORKFLOWS}/{workflow['id']}/steps/{name}").status_code == 404
        assert api.get(f"{WORKFLOWS}/nothing/steps/$0").status_code == 404

    def test_put_replaces_the_metadata(self, api):
        workflow = api.run(api.echo(metadata={"a": 1, "b": 2}))
        path = f"{WORKFLOWS}/{workflow['id']}/steps/%240"

        reply = api.put(path, json={"metadata": {"c": None}})

        assert (reply.status_code, reply.content) == (204, b"")
        assert api.get(path).json()["metadata"] == {"c": None}
        assert api.workflow(workflow["id"])["steps"][0]["metadata"] == {"c": None}

    def test_put_needs_metadata(self, api):
        workflow = api.run(api.echo())
        path = f"{WORKFLOWS}/{workflow['id']}/steps/0"

        for body in ({}, {"metadata": None}, {"metadata": []}, {"input": {"message": "other"}}):
            assert "metadata" in api.errors(api.put(path, json=body))

    def test_patch_changes_the_metadata(self, api):
        workflow = api.run(api.echo(metadata={"a": 1}))
        path = f"{WORKFLOWS}/{workflow['id']}/steps/0"
        patch = [{"op": "test", "path": "/metadata/a", "value": 1}, {"op": "add", "path": "/metadata/b", "value": [2]}]

        reply = api.patch(path, json=patch, headers={"Content-Type": "application/json-patch+json"})

        assert (reply.status_code, reply.content) == (204, b"")
        assert api.get(path).json()["metadata"] == {"a": 1, "b": [2]}

    def test_nothing_else_of_a_step_can_be_patched(self, api):
        workflow = api.start(api.slow())
        path = f"{WORKFLOWS}/{workflow['id']}/steps/0"

        for place in ("/input/prompt", "/status", "/name", "/metadata"):
            reply = api.patch(path, json=[{"op": "remove", "path": place}])
            assert "[0].path" in api.errors(reply)
        api.delete(f"{WORKFLOWS}/{workflow['id']}")


def test_blob_urls_are_signed_for_whoever_reads(api):
    workflow = api.run(api.image())

    (blob,) = api.workflow(workflow["id"])["steps"][0]["output"]["images"]

    assert re.fullmatch(re.escape(api.url) + r"/v2/consumer/blobs/[^?]+\?sig=[^&]+&exp=[^&]+", blob["url"])
    assert blob["urlExpiresAt"] in blob["url"]
