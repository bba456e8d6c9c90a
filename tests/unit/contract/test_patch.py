"""Owners change status, metadata, tags and allowMatureContent, and nothing else, by update or by JSON Patch."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.contract.json import Json, JsonObject
from palio.contract.patch import Attributes, patch_step, patch_workflow, update_step, update_workflow
from palio.errors import BadRequest

BEFORE = Attributes(
    status="processing", metadata={"name": "first", "list": [1]}, tags=("a",), allow_mature_content=None
)


def add(path: Json, value: Json) -> JsonObject:
    return {"op": "add", "path": path, "value": value}


def put(path: Json, value: Json) -> JsonObject:
    return {"op": "replace", "path": path, "value": value}


def remove(path: Json) -> JsonObject:
    return {"op": "remove", "path": path}


def copy(source: Json, path: Json) -> JsonObject:
    return {"op": "copy", "from": source, "path": path}


def move(source: Json, path: Json) -> JsonObject:
    return {"op": "move", "from": source, "path": path}


def check(path: Json, value: Json) -> JsonObject:
    return {"op": "test", "path": path, "value": value}


def patched(*operations: Json) -> Attributes:
    return patch_workflow(BEFORE, list(operations))


def refused(*operations: Json) -> list[str]:
    with pytest.raises(BadRequest) as raised:
        patched(*operations)
    return list(raised.value.errors)


class TestPatchingAWorkflow:
    @pytest.mark.parametrize(
        ("operation", "after"),
        [
            (put("/status", "canceled"), replace(BEFORE, status="canceled")),
            (put("/status", "Canceled"), replace(BEFORE, status="canceled")),
            (put("/status", "processing"), BEFORE),
            (add("/tags/-", "b"), replace(BEFORE, tags=("a", "b"))),
            (remove("/tags/0"), replace(BEFORE, tags=())),
            (put("/allowMatureContent", True), replace(BEFORE, allow_mature_content=True)),
            (add("/metadata/a~1b", None), replace(BEFORE, metadata={**BEFORE.metadata, "a/b": None})),
            (copy("/tags", "/metadata/list"), replace(BEFORE, metadata={"name": "first", "list": ["a"]})),
            (move("/metadata/name", "/tags/0"), replace(BEFORE, metadata={"list": [1]}, tags=("first", "a"))),
            (check("/metadata/name", "first"), BEFORE),
            (check("/allowMatureContent", None), BEFORE),
        ],
    )
    def test_each_member_can_be_changed(self, operation: JsonObject, after: Attributes) -> None:
        assert patched(operation) == after

    def test_operations_follow_each_other(self) -> None:
        after = patched(put("/metadata", {}), add("/metadata/a", [1]), add("/metadata/a/-", 2), put("/tags", []))

        assert after == replace(BEFORE, metadata={"a": [1, 2]}, tags=())

    def test_the_attributes_before_are_left_as_they_were(self) -> None:
        patched(add("/metadata/list/-", 2))

        assert BEFORE.metadata == {"name": "first", "list": [1]}

    def test_no_operations_change_nothing(self) -> None:
        assert patched() == BEFORE

    def test_a_workflow_that_ended_can_still_be_noted_on_and_canceled_again(self) -> None:
        ended = replace(BEFORE, status="succeeded")

        assert patch_workflow(ended, [add("/tags/-", "b")]).status == "succeeded"
        assert patch_workflow(ended, [put("/status", "canceled")]).status == "canceled"

    @pytest.mark.parametrize(
        ("operation", "path"),
        [
            (put("/steps", []), "[0].path"),
            (add("/steps", []), "[0].path"),
            (remove("/tags"), "[0].path"),
            (remove(""), "[0].path"),
            (put("", {"status": "canceled"}), "[0].path"),
            (put("", 5), "[0].path"),
            (move("/tags", "/metadata/tags"), "[0].path"),
            (remove("/metadata/absent"), "[0].path"),
            (put("/metadata/absent", 1), "[0].path"),
            (add("/tags/7", "b"), "[0].path"),
            (add("/tags/x", "b"), "[0].path"),
            (add("/status/x", "b"), "[0].path"),
            (add("/allowMatureContent/x", 1), "[0].path"),
            (copy("/metadata/absent", "/metadata/a"), "[0].path"),
            (move("/metadata", "/metadata/a"), "[0].path"),
            (check("/metadata/name", "second"), "[0].path"),
            (check("/metadata/list", [True]), "[0].path"),
            (check("/metadata/absent", None), "[0].path"),
            (add("tags", 1), "[0].path"),
            (add("/a~2", 1), "[0].path"),
            (add(5, 1), "[0].path"),
            (add("/tags/" + "9" * 5000, "b"), "[0].path"),
            (copy(None, "/metadata/a"), "[0].from"),
            ({"op": "add", "path": "/tags/-"}, "[0].value"),
            ({"op": "move", "path": "/tags/-"}, "[0].from"),
            ({"op": "remove"}, "[0].path"),
            ({"op": "increment", "path": "/tags"}, "[0].op"),
            ({"op": ["add"], "path": "/tags"}, "[0].op"),
            ({"path": "/tags"}, "[0].op"),
            ("add", "[0]"),
        ],
    )
    def test_what_cannot_be_done_is_named_by_operation(self, operation: Json, path: str) -> None:
        assert refused(operation) == [path]

    def test_the_operation_that_fails_is_the_one_named(self) -> None:
        assert refused(add("/tags/-", "b"), check("/tags/1", "c")) == ["[1].path"]

    @pytest.mark.parametrize(
        ("operation", "path"),
        [
            (put("/status", "succeeded"), "status"),
            (put("/status", None), "status"),
            (put("/metadata", None), "metadata"),
            (put("/metadata", []), "metadata"),
            (put("/metadata/name", "x" * 70_000), "metadata"),
            (put("/tags", None), "tags"),
            (add("/tags/-", "a"), "tags[1]"),
            (add("/tags/-", 5), "tags[1]"),
            (put("/allowMatureContent", "yes"), "allowMatureContent"),
        ],
    )
    def test_the_result_follows_the_rules_of_a_template(self, operation: JsonObject, path: str) -> None:
        assert refused(operation) == [path]

    @pytest.mark.parametrize("patch", [None, {}, "x", put("/status", "canceled")])
    def test_a_patch_is_an_array(self, patch: Json) -> None:
        with pytest.raises(BadRequest, match="array of operations"):
            patch_workflow(BEFORE, patch)

    def test_a_patch_has_at_most_100_operations(self) -> None:
        assert patched(*[put("/tags", [])] * 100).tags == ()
        assert refused(*[put("/tags", [])] * 101) == [""]

    def test_copies_of_copies_stop_when_the_document_grows_too_large(self) -> None:
        doubling = [copy("/metadata", f"/metadata/{index}") for index in range(30)]

        assert refused(add("/metadata/text", "x" * 1000), *doubling)[0].endswith("].path")

    def test_copies_into_copies_stop_when_they_nest_too_deeply(self) -> None:
        nesting = [add("/metadata/a", {}), *[copy("/metadata", f"/metadata{'/a' * n}") for n in range(1, 60)]]

        assert refused(*nesting)[0].endswith("].path")


pointers = st.sampled_from(
    [
        *["", "/", "x", "/~", "/status", "/steps", "/allowMatureContent", "/allowMatureContent/0"],
        *["/metadata", "/metadata/name", "/metadata/name/0", "/metadata/list", "/metadata/list/0", "/metadata/list/-"],
        *["/tags", "/tags/0", "/tags/1", "/tags/01", "/tags/-1", "/tags/-", "/tags/-/x"],
    ]
)
values: st.SearchStrategy[Json] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({}) | st.just(["b"])
)
names = st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])


@given(st.lists(st.fixed_dictionaries({"op": names, "path": pointers, "from": pointers, "value": values}), max_size=6))
def test_any_patch_ends_in_attributes_or_a_bad_request(patch: list[Json]) -> None:
    with suppress(BadRequest):
        after = patch_workflow(BEFORE, patch)
        assert after.status in {BEFORE.status, "canceled"}
        assert isinstance(after.metadata, dict)
        assert all(isinstance(tag, str) for tag in after.tags)


class TestUpdatingAWorkflow:
    @pytest.mark.parametrize(
        ("body", "after"),
        [
            ({}, BEFORE),
            ({"status": None, "metadata": None, "tags": None, "allowMatureContent": None}, BEFORE),
            ({"status": "canceled"}, replace(BEFORE, status="canceled")),
            ({"metadata": {"b": 2}}, replace(BEFORE, metadata={"b": 2})),
            ({"tags": []}, replace(BEFORE, tags=())),
            ({"allowMatureContent": True}, replace(BEFORE, allow_mature_content=True)),
            ({"steps": [], "priority": 5}, BEFORE),
        ],
    )
    def test_what_is_sent_replaces_what_was_there(self, body: JsonObject, after: Attributes) -> None:
        assert update_workflow(BEFORE, body) == after

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"status": "processing"}, "status"),
            ({"status": 5}, "status"),
            ({"metadata": []}, "metadata"),
            ({"tags": ["a", "a"]}, "tags[1]"),
            ({"allowMatureContent": 1}, "allowMatureContent"),
        ],
    )
    def test_the_only_status_is_canceled_and_the_rest_follows_the_template(self, body: JsonObject, path: str) -> None:
        with pytest.raises(BadRequest) as raised:
            update_workflow(BEFORE, body)

        assert list(raised.value.errors) == [path]


class TestChangingAStep:
    def test_metadata_is_replaced(self) -> None:
        assert update_step({"metadata": {"b": 2}, "input": {"ignored": True}}) == {"b": 2}

    @pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": "x"}])
    def test_metadata_is_required(self, body: JsonObject) -> None:
        with pytest.raises(BadRequest) as raised:
            update_step(body)

        assert list(raised.value.errors) == ["metadata"]

    def test_metadata_is_patched(self) -> None:
        assert patch_step({"a": 1}, [add("/metadata/b", 2), remove("/metadata/a")]) == {"b": 2}

    @pytest.mark.parametrize("path", ["/input", "/input/message", "/name", "/status"])
    def test_nothing_else_can_be_patched(self, path: str) -> None:
        with pytest.raises(BadRequest) as raised:
            patch_step({}, [add(path, "x")])

        assert list(raised.value.errors) == ["[0].path"]
