"""POST /v2/consumer/workflows and /v2/consumer/workflows/image."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

WORKFLOWS = "/v2/consumer/workflows"

REQUIRED = {
    "id": str,
    "createdAt": str,
    "status": str,
    "steps": list,
    "metadata": dict,
    "arguments": dict,
    "tags": list,
    "callbacks": list,
    "tips": dict,
    "cost": dict,
    "upgradeMode": str,
    "currencies": list,
    "forceRefunded": bool,
}
REQUIRED_OF_STEP = {"$type": str, "name": str, "priority": str, "status": str, "metadata": dict, "input": dict}
COST_HEADERS = ("X-Civitai-Cost-Total", "X-Civitai-Cost-By-Currency", "X-Civitai-Insufficient-Buzz")


def has(document, required):
    return {name: type(document.get(name)) for name in required} == required


def test_what_typed_clients_require_is_there_however_little_was_sent(api):
    workflow = api.run(api.image())

    assert has(workflow, REQUIRED)
    assert workflow["tips"] == {"civitai": 0, "creators": 0}
    assert {"base", "total", "tips"} <= workflow["cost"].keys()
    (step,) = workflow["steps"]
    assert has(step, REQUIRED_OF_STEP)
    assert step["name"] == "$0"
    (job,) = step["jobs"]
    assert {"id", "status", "cost"} <= job.keys()
    (blob,) = step["output"]["images"]
    assert blob["type"] == "image"
    assert blob["available"] is True
    assert blob["jobId"] == job["id"]
    # Progress is gone once a step is over.
    assert "estimatedProgressRate" not in step | job


def test_what_was_sent_is_given_back(api):
    sent = {
        "metadata": {"a": [None, 1.5, "ü 🐎", {"b": None}]},
        "arguments": {"prompt": None},
        "tags": ["one", "zwei/2 ü"],
        "tips": {"civitai": 0.5},
        "experimental": False,
        "allowMatureContent": True,
        "upgradeMode": "Automatic",
        "currencies": ["Yellow", "fakered"],
        "callbacks": [{"url": "https://example.com/hook", "type": ["workflow:*"], "detailed": True}],
    }
    step = {
        **api.echo(),
        "name": "say it",
        "metadata": {"n": None},
        "timeout": "PT5M",
        "retries": 3,
        "priority": "HIGH",
    }

    workflow = api.run(step, **sent)

    assert workflow["metadata"] == sent["metadata"]
    assert workflow["arguments"] == sent["arguments"]
    assert workflow["tags"] == sent["tags"]
    assert workflow["tips"] == {"civitai": 0.5, "creators": 0}
    assert (workflow["experimental"], workflow["allowMatureContent"]) == (False, True)
    # Enums are read in any case and given back as they are listed.
    assert workflow["upgradeMode"] == "automatic"
    assert workflow["currencies"] == ["yellow", "fakeRed"]
    assert workflow["callbacks"] == sent["callbacks"]
    (given,) = workflow["steps"]
    assert given["metadata"] == {"n": None}
    assert given["input"] == {"message": "hello"}
    assert (given["name"], given["timeout"], given["retries"], given["priority"]) == ("say it", "00:05:00", 3, "high")


def test_nulls_stand_for_members_that_were_left_out(api):
    names = ("metadata", "arguments", "tags", "callbacks", "experimental", "allowMatureContent", "ephemeral")
    workflow = api.run({**api.echo(), "name": None, "timeout": None, "retries": None}, **dict.fromkeys(names))

    assert has(workflow, REQUIRED)
    assert workflow["steps"][0]["name"] == "$0"


def test_without_wait_the_workflow_is_accepted(api):
    reply = api.submit(api.slow())

    assert reply.status_code == 202
    assert has(reply.json(), REQUIRED)
    api.delete(f"{WORKFLOWS}/{reply.json()['id']}")


def test_wait_holds_the_reply_until_the_end_and_no_longer(api):
    # Given a wait that is far too long, which is cut and not refused
    began = time.monotonic()
    reply = api.submit(api.echo(), query={"wait": 120})

    assert reply.status_code == 200
    assert reply.json()["status"] == "succeeded"
    assert time.monotonic() - began < 5


def test_when_the_wait_is_over_the_workflow_is_accepted_with_a_body(api):
    began = time.monotonic()
    reply = api.submit(api.slow(), query={"wait": 1})

    assert 0.9 < time.monotonic() - began < 5
    assert reply.status_code == 202
    assert reply.json()["status"] in ("preparing", "scheduled", "processing")
    api.delete(f"{WORKFLOWS}/{reply.json()['id']}")


def test_the_expected_images_are_listed_before_they_exist(api):
    workflow = api.start(api.slow())

    (blob,) = workflow["steps"][0]["output"]["images"]
    assert blob["available"] is False
    assert blob["id"] in blob["url"]
    assert blob["id"] in blob["previewUrl"]
    assert blob["jobId"] == workflow["steps"][0]["jobs"][0]["id"]
    assert "nsfwLevel" not in blob
    assert api.get(blob["url"]).status_code == 404
    api.delete(f"{WORKFLOWS}/{workflow['id']}")


@pytest.mark.parametrize("step", ["failed", "refused"])
def test_a_workflow_that_fails_says_why(api, step):
    steps = {
        "failed": {
            "$type": "imageGen",
            "input": {"engine": "flux1-kontext", "model": "pro", "prompt": "a boat"},
            "retries": 0,
        },
        "refused": api.image("something forbidden"),
    }
    workflow = api.run(steps[step])

    assert workflow["status"] == "failed"
    assert workflow["completedAt"]
    assert workflow["steps"][0]["jobs"][0]["reason"]
    assert workflow["steps"][0]["output"]["errors"]


def test_a_blocked_image_is_not_available_and_says_so(api):
    workflow = api.run(api.image("something forbidden"))

    (blob,) = workflow["steps"][0]["output"]["images"]
    assert blob["available"] is False
    assert blob["blockedReason"]
    assert blob.keys().isdisjoint({"url", "previewUrl"})


def test_a_seed_of_64_bits_may_be_quoted(api):
    step = api.sdxl(seed="9007199254740993")

    workflow = api.run(step)

    assert workflow["steps"][0]["input"]["seed"] == "9007199254740993"


class TestWhatif:
    def test_nothing_runs_and_the_cost_is_told(self, fresh):
        reply = fresh.submit(fresh.image(quantity=2), query={"whatif": "true"}, currencies=["yellow"])

        assert reply.status_code == 200
        workflow = reply.json()
        assert "id" not in workflow
        assert has({**workflow, "id": ""}, REQUIRED)
        assert workflow["status"] == "unassigned"
        assert workflow["steps"][0]["status"] == "unassigned"
        total = workflow["cost"]["total"]
        assert total > 0
        debit = {"type": "debit", "amount": total, "accountType": "yellow"}
        assert workflow["transactions"] == {"list": [debit], "insufficientBuzz": False}
        assert [reply.headers[name] for name in COST_HEADERS] == [str(total), f"yellow={total}", "false"]
        assert fresh.ids() == []

    def test_pages_of_other_origins_may_read_the_cost(self, api):
        reply = api.post(
            WORKFLOWS,
            json={"steps": [api.echo()]},
            params={"whatif": "true"},
            headers={"Origin": "https://app.example"},
        )

        exposed = reply.headers["Access-Control-Expose-Headers"].lower()
        assert all(name.lower() in exposed for name in COST_HEADERS)
        assert reply.headers["Access-Control-Allow-Origin"] == "*"

    def test_it_checks_as_a_submission_does(self, api):
        reply = api.submit(api.image(width=1), query={"whatif": "true"})

        assert "steps[0].input.width" in api.errors(reply)

    def test_references_to_steps_that_have_not_run_are_priced_with_defaults(self, api):
        variant = api.sdxl(operation="createVariant", image={"$ref": "$0", "path": "output.images[0].url"})

        reply = api.submit(api.sdxl(), variant, query={"whatif": "true"})

        assert reply.status_code == 200
        assert reply.json()["cost"]["total"] > 0


class TestExternalId:
    def test_a_second_submission_is_the_first_workflow_whatever_its_body(self, fresh):
        first = fresh.run(fresh.echo("first"), externalId="order-1")
        second = fresh.submit(fresh.echo("second"), externalId="order-1")

        assert second.status_code == 200
        assert second.json()["id"] == first["id"]
        assert second.json()["steps"][0]["input"] == {"message": "first"}
        assert fresh.ids() == [first["id"]]

    def test_it_is_remembered_from_a_whatif(self, fresh):
        priced = fresh.submit(fresh.echo("priced"), query={"whatif": "true"}, externalId="order-2").json()
        submitted = fresh.submit(fresh.echo("submitted"), query={"wait": 1}, externalId="order-2").json()

        assert priced["id"] == submitted["id"]

    def test_it_belongs_to_its_account(self, api, stranger):
        ours = api.run(api.echo(), externalId="order-3")
        theirs = stranger.run(stranger.echo(), externalId="order-3")

        assert ours["id"] != theirs["id"]

    def test_duplicates_at_the_same_time_are_one_workflow(self, fresh):
        def submit(number):
            return fresh.submit(fresh.echo(str(number)), query={"wait": 20}, externalId="order-4")

        with ThreadPoolExecutor(20) as pool:
            replies = list(pool.map(submit, range(20)))

        assert {reply.status_code for reply in replies} == {200}
        assert len({reply.json()["id"] for reply in replies}) == 1
        assert len({reply.json()["steps"][0]["input"]["message"] for reply in replies}) == 1
        assert len(fresh.ids()) == 1


class TestEphemeral:
    def test_it_is_in_the_held_reply_and_then_gone(self, fresh):
        workflow = fresh.run(fresh.image(), ephemeral=True)

        assert workflow["ephemeral"] is True
        assert workflow["status"] == "succeeded"
        assert fresh.get(f"{WORKFLOWS}/{workflow['id']}").status_code == 404
        assert fresh.ids() == []

    def test_it_can_be_polled_while_it_runs(self, api):
        workflow = api.submit(api.slow(), query={"wait": 1}, ephemeral=True).json()

        assert api.get(f"{WORKFLOWS}/{workflow['id']}").status_code == 202
        api.put(f"{WORKFLOWS}/{workflow['id']}", json={"status": "canceled"})
        held = api.get(f"{WORKFLOWS}/{workflow['id']}", params={"wait": 10})
        # Whoever was waiting sees the end once; a reply that began after it finds nothing.
        assert held.status_code in (200, 404)
        assert api.get(f"{WORKFLOWS}/{workflow['id']}").status_code == 404

    def test_without_wait_or_callback_its_results_would_reach_nobody(self, fresh):
        assert "ephemeral" in fresh.errors(fresh.submit(fresh.echo(), ephemeral=True))
        assert fresh.ids() == []

    def test_a_callback_is_a_way_to_deliver(self, api):
        callbacks = [{"url": "https://example.com/hook", "type": ["workflow:succeeded"]}]

        assert api.submit(api.echo(), ephemeral=True, callbacks=callbacks).status_code == 202


class TestImage:
    def test_a_bare_input_becomes_a_workflow_of_one_step(self, api):
        body = {"engine": "sdxl", "prompt": "a red kite", "width": 128, "height": 64}

        reply = api.post(f"{WORKFLOWS}/image", json=body, params={"wait": 60})

        assert reply.status_code == 200
        workflow = reply.json()
        assert has(workflow, REQUIRED)
        assert workflow["steps"][0]["$type"] == "imageGen"
        assert workflow["steps"][0]["output"]["images"][0]["available"] is True

    def test_a_template_is_taken_as_it_is(self, api):
        reply = api.post(f"{WORKFLOWS}/image", json={"steps": [api.image()], "tags": ["t"]}, params={"wait": 60})

        assert reply.status_code == 200
        assert reply.json()["tags"] == ["t"]

    def test_it_can_be_priced(self, fresh):
        body = {"engine": "sdxl", "prompt": "a red kite"}

        reply = fresh.post(f"{WORKFLOWS}/image", json=body, params={"whatif": "true"})

        assert reply.status_code == 200
        assert int(reply.headers["X-Civitai-Cost-Total"]) > 0
        assert fresh.ids() == []

    def test_errors_name_members_as_the_caller_wrote_them(self, api):
        reply = api.post(f"{WORKFLOWS}/image", json={"engine": "sdxl", "prompt": "a kite", "width": 1})

        assert list(api.errors(reply)) == ["width"]
        assert reply.json()["detail"].startswith("width: ")

    @pytest.mark.parametrize("body", [{}, {"engine": "nothing"}, {"engine": 7, "prompt": "a"}, {"prompt": "a kite"}])
    def test_an_input_that_is_none_is_refused(self, api, body):
        reply = api.post(f"{WORKFLOWS}/image", json=body)

        assert all("steps" not in path for path in api.errors(reply))


def test_a_body_may_be_labelled_as_any_json(api):
    for label in ("application/json; charset=utf-8", "text/json", "application/vnd.palio+json", "APPLICATION/JSON"):
        body = b'{"steps":[{"$type":"echo","input":{"message":"hello"}}]}'
        reply = api.post(WORKFLOWS, content=body, headers={"Content-Type": label})
        assert reply.status_code == 202, label
