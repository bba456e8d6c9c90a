"""PUT, PATCH and DELETE of workflows, and their tags."""

import json
import time
from urllib.parse import quote

import pytest

WORKFLOWS = "/v2/consumer/workflows"


@pytest.fixture
def workflow(api):
    """The path of a workflow that is over."""
    done = api.run(api.echo(), metadata={"a": 1, "b": {"c": 2}}, tags=["one", "two"])
    return f"{WORKFLOWS}/{done['id']}"


@pytest.fixture
def running(api):
    """The path of a workflow that would take a minute."""
    started = api.submit(api.slow(), query={"wait": 1}).json()
    yield f"{WORKFLOWS}/{started['id']}"
    api.delete(f"{WORKFLOWS}/{started['id']}")


def patch(api, path, *operations):
    return api.patch(path, content=json.dumps(operations), headers={"Content-Type": "application/json-patch+json"})


class TestPut:
    def test_what_is_named_is_replaced_and_the_rest_stays(self, api, workflow):
        reply = api.put(workflow, json={"metadata": {"new": True}})

        assert (reply.status_code, reply.content) == (204, b"")
        changed = api.get(workflow).json()
        assert changed["metadata"] == {"new": True}
        assert changed["tags"] == ["one", "two"]
        assert changed["status"] == "succeeded"

    def test_nulls_change_nothing(self, api, workflow):
        before = api.get(workflow).json()

        names = ("metadata", "tags", "status", "allowMatureContent")
        assert api.put(workflow, json=dict.fromkeys(names)).status_code == 204
        assert api.put(workflow, json={}).status_code == 204
        assert api.get(workflow).json() == before

    def test_tags_are_replaced_also_in_queries(self, api, workflow):
        assert api.put(workflow, json={"tags": ["put-three"]}).status_code == 204

        assert api.get(workflow).json()["tags"] == ["put-three"]
        assert workflow.endswith(api.ids(tags="put-three")[0])

    def test_metadata_is_found_by_its_new_words_only(self, api, workflow):
        api.put(workflow, json={"metadata": {"title": "newfangled words"}})
        assert workflow.endswith(api.ids(query="newfangled words")[0])

        api.put(workflow, json={"metadata": {}})
        assert api.ids(query="newfangled words") == []

    def test_mature_content_can_be_allowed(self, api, workflow):
        assert api.put(workflow, json={"allowMatureContent": True}).status_code == 204
        assert api.get(workflow).json()["allowMatureContent"] is True

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"status": "succeeded"}, "status"),
            ({"status": 7}, "status"),
            ({"metadata": []}, "metadata"),
            ({"metadata": {"x": "y" * 70_000}}, "metadata"),
            ({"tags": "one"}, "tags"),
            ({"tags": [f"t{number}" for number in range(11)]}, "tags"),
            ({"tags": ["same", "same"]}, "tags[1]"),
            ({"tags": ["", 1]}, "tags[0]"),
            ({"allowMatureContent": "yes"}, "allowMatureContent"),
        ],
    )
    def test_what_cannot_be_is_refused_and_changes_nothing(self, api, workflow, body, path):
        before = api.get(workflow).json()

        assert path in api.errors(
            api.put(workflow, json=body | {"metadata": {"x": 1}} if "metadata" not in body else body)
        )

        assert api.get(workflow).json() == before


class TestCancel:
    @pytest.mark.parametrize("way", ["put", "patch"])
    def test_canceling_ends_the_workflow(self, api, running, way):
        if way == "put":
            assert api.put(running, json={"status": "Canceled"}).status_code == 204
        else:
            operation = {"op": "replace", "path": "/status", "value": "canceled"}
            assert patch(api, running, operation).status_code == 204

        over = api.get(running, params={"wait": 10})
        assert over.status_code == 200
        canceled = over.json()
        assert canceled["status"] == "canceled"
        assert canceled["completedAt"]
        assert canceled["steps"][0]["status"] == "canceled"
        assert canceled["steps"][0]["jobs"][0]["status"] == "canceled"

    def test_again_or_when_it_is_over_it_is_no_error(self, api, running, workflow):
        for _ in range(3):
            assert api.put(running, json={"status": "canceled"}).status_code == 204
        assert api.get(running, params={"wait": 10}).json()["status"] == "canceled"

        assert api.put(workflow, json={"status": "canceled"}).status_code == 204
        assert api.get(workflow).json()["status"] == "succeeded"

    def test_steps_that_depend_on_it_are_canceled_too(self, api):
        edit = {"engine": "grok", "operation": "editImage", "prompt": "more", "images": [REFERENCE]}
        started = api.start(api.slow(name="first"), {"$type": "imageGen", "input": edit})

        api.put(f"{WORKFLOWS}/{started['id']}", json={"status": "canceled"})

        over = api.workflow(started["id"], wait=10)
        assert [step["status"] for step in over["steps"]] == ["canceled", "canceled"]


REFERENCE = {"$ref": "first", "path": "output.images[0].url"}


class TestPatch:
    def test_every_operation_of_json_patch(self, api, workflow):
        reply = patch(
            api,
            workflow,
            {"op": "test", "path": "/metadata/a", "value": 1},
            {"op": "add", "path": "/metadata/x~1y", "value": [None]},
            {"op": "copy", "from": "/metadata/b", "path": "/metadata/d"},
            {"op": "move", "from": "/metadata/b/c", "path": "/metadata/c"},
            {"op": "replace", "path": "/metadata/a", "value": "A"},
            {"op": "add", "path": "/tags/-", "value": "three"},
            {"op": "remove", "path": "/tags/0"},
            {"op": "replace", "path": "/allowMatureContent", "value": False},
        )

        assert (reply.status_code, reply.content) == (204, b"")
        changed = api.get(workflow).json()
        assert changed["metadata"] == {"a": "A", "x/y": [None], "b": {}, "d": {"c": 2}, "c": 2}
        assert changed["tags"] == ["two", "three"]
        assert changed["allowMatureContent"] is False

    @pytest.mark.parametrize(
        ("operations", "path"),
        [
            ([{"op": "test", "path": "/metadata/a", "value": 2}], "[1].path"),
            ([{"op": "replace", "path": "/status", "value": "failed"}], "status"),
            ([{"op": "replace", "path": "/id", "value": "x"}], "[1].path"),
            ([{"op": "add", "path": "/steps/0", "value": {}}], "[1].path"),
            ([{"op": "remove", "path": "/metadata"}], "[1].path"),
            ([{"op": "replace", "path": "", "value": {}}], "[1].path"),
            ([{"op": "remove", "path": "/metadata/none"}], "[1].path"),
            ([{"op": "add", "path": "/tags/7", "value": "x"}], "[1].path"),
            ([{"op": "add", "path": "/tags/-", "value": 7}], "tags[2]"),
            ([{"op": "add", "path": "metadata", "value": 7}], "[1].path"),
            ([{"op": "add", "path": "/metadata/x"}], "[1].value"),
            ([{"op": "move", "path": "/metadata/x"}], "[1].from"),
            ([{"op": "move", "from": "/metadata", "path": "/metadata/x"}], "[1].path"),
            ([{"op": "increment", "path": "/metadata/a"}], "[1].op"),
            ([{"path": "/metadata/a"}], "[1].op"),
            (["remove"], "[1]"),
            ([None], "[1]"),
            ([{"op": "add", "path": "/metadata/x", "value": 1}] * 200, ""),
        ],
    )
    def test_one_bad_operation_undoes_all(self, api, workflow, operations, path):
        before = api.get(workflow).json()

        reply = patch(api, workflow, {"op": "add", "path": "/metadata/first", "value": 1}, *operations)

        assert path in api.errors(reply)
        assert api.get(workflow).json() == before

    @pytest.mark.parametrize("body", [{}, None, "remove", 7, {"op": "add", "path": "/tags/-", "value": "x"}])
    def test_a_patch_is_an_array(self, api, workflow, body):
        assert "" in api.errors(api.patch(workflow, json=body))

    def test_copies_of_copies_do_not_fill_the_memory(self, api, workflow):
        doubling = [{"op": "copy", "from": "/metadata", "path": f"/metadata/{number}"} for number in range(100)]

        assert api.patch(workflow, json=doubling).status_code == 400


class TestDelete:
    def test_a_deleted_workflow_is_gone_everywhere(self, api, workflow):
        deleted = api.delete(workflow)

        assert (deleted.status_code, deleted.content) == (204, b"")
        for method, path, body in REQUESTS:
            reply = api.http.request(method, workflow + path, json=body)
            assert reply.status_code == 404, (method, path)
        assert workflow.rpartition("/")[2] not in api.ids()

    def test_deleting_stops_what_runs(self, api, running):
        assert api.delete(running).status_code == 204
        assert api.get(running).status_code == 404

    def test_whoever_waits_for_it_is_let_go(self, api):
        started = api.start(api.slow())
        api.delete(f"{WORKFLOWS}/{started['id']}")

        began = time.monotonic()
        assert api.get(f"{WORKFLOWS}/{started['id']}", params={"wait": 30}).status_code == 404
        assert time.monotonic() - began < 5

    def test_its_external_id_is_free_again(self, api):
        first = api.run(api.echo(), externalId="deleted-1")
        api.delete(f"{WORKFLOWS}/{first['id']}")

        assert api.run(api.echo(), externalId="deleted-1")["id"] != first["id"]


REQUESTS = [
    ("GET", "", None),
    ("PUT", "", {"status": "canceled"}),
    ("PATCH", "", []),
    ("DELETE", "", None),
    ("POST", "/tags", "x"),
    ("DELETE", "/tags", None),
    ("DELETE", "/tags/one", None),
    ("GET", "/steps/0", None),
    ("PUT", "/steps/0", {"metadata": {}}),
    ("PATCH", "/steps/0", []),
]
"""Every operation on one workflow, with a body that is valid for it."""


def test_another_accounts_workflow_is_not_found_and_not_changed(api, stranger, workflow):
    before = api.get(workflow).json()

    for method, path, body in REQUESTS:
        assert stranger.http.request(method, workflow + path, json=body).status_code == 404, (method, path)

    assert api.get(workflow).json() == before


class TestTags:
    def test_a_tag_is_added_once_however_often_it_is_sent(self, api, workflow):
        for _ in range(3):
            reply = api.post(f"{workflow}/tags", json="three ü/🐎")
            assert (reply.status_code, reply.content) == (204, b"")

        assert api.get(workflow).json()["tags"] == ["one", "two", "three ü/🐎"]

    def test_a_tag_of_any_characters_can_be_removed(self, api, workflow):
        for tag in ("a/b", "/a", "a b+c", "ü🐎", "50%25", "urn:air:x@1", "?#", ";,"):
            api.post(f"{workflow}/tags", json=tag)
            assert tag in api.get(workflow).json()["tags"]

            for _ in range(2):
                reply = api.delete(f"{workflow}/tags/{quote(tag, safe='')}")
                assert (reply.status_code, reply.content) == (204, b"")
            assert api.get(workflow).json()["tags"] == ["one", "two"]

    def test_all_tags_can_be_removed(self, api, workflow):
        for _ in range(2):
            assert api.delete(f"{workflow}/tags").status_code == 204
        assert api.get(workflow).json()["tags"] == []

    def test_the_eleventh_tag_is_one_too_many(self, api, workflow):
        for number in range(8):
            assert api.post(f"{workflow}/tags", json=f"t{number}").status_code == 204

        assert "tags" in api.errors(api.post(f"{workflow}/tags", json="eleventh"))
        # One that is there already is not one more.
        assert api.post(f"{workflow}/tags", json="one").status_code == 204

    @pytest.mark.parametrize("body", [{"tag": "x"}, ["x"], None, 7, "", "x" * 201, "a\nb", "a\0b"])
    def test_a_tag_is_a_json_string(self, api, workflow, body):
        assert api.post(f"{workflow}/tags", json=body).status_code == 400
        assert api.get(workflow).json()["tags"] == ["one", "two"]

    def test_a_tag_without_quotes_is_not_json(self, api, workflow):
        reply = api.post(f"{workflow}/tags", content=b"portrait", headers={"Content-Type": "application/json"})

        assert "" in api.errors(reply)
