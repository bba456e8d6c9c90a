"""A repeat over HTTP: what it answers, where its copies are found, and what is refused."""

from urllib.parse import quote

import pytest

WORKFLOWS = "/v2/consumer/workflows"
WORDS = {"words": ["tower", "square", "horse"], "none": [], "one": "word"}


def repeat(template, path="words", source="$arguments", **members):
    """A step that does `template` for each `item` of an array."""
    for_ = {"$ref": source, "path": path, "as": "item"}
    return {"$type": "repeat", "input": {"for": for_, "template": template}, **members}


def ref(source, path=""):
    return {"$ref": source, "path": path}


def test_copies_are_whole_steps_in_the_order_of_the_items(api):
    workflow = api.run(repeat(api.image(prompt=ref("item")), name="paint"), arguments=WORDS)

    (step,) = workflow["steps"]
    assert (workflow["status"], step["status"]) == ("succeeded", "succeeded")
    copies = step["output"]["steps"]
    assert [copy["name"] for copy in copies] == ["paint[0]", "paint[1]", "paint[2]"]
    for copy in copies:
        assert {"$type", "name", "priority", "status", "metadata", "input", "jobs", "output"} <= copy.keys()
        (image,) = copy["output"]["images"]
        assert image["jobId"] == copy["jobs"][0]["id"]
        assert api.get(image["url"], follow_redirects=True).headers["Content-Type"].startswith("image/")


def test_a_copy_is_found_by_its_name(api):
    workflow = api.run(repeat(api.echo(ref("item"))), arguments=WORDS)
    copies = workflow["steps"][0]["output"]["steps"]

    path = f"{WORKFLOWS}/{workflow['id']}/steps"
    for written in ("$0[1]", "0[1]"):
        assert api.get(f"{path}/{quote(written, safe='')}").json() == copies[1]
    assert api.put(f"{path}/{quote('$0[1]')}", json={"metadata": {"seen": True}}).status_code == 204
    assert api.get(f"{path}/{quote('$0[1]')}").json()["metadata"] == {"seen": True}
    assert api.get(f"{WORKFLOWS}/{workflow['id']}/steps/{quote('$0[3]')}").status_code == 404


def test_nothing_to_repeat_is_a_success_without_steps(api):
    workflow = api.run(repeat(api.echo(ref("item")), "none"), arguments=WORDS)

    assert (workflow["status"], workflow["steps"][0]["output"]) == ("succeeded", {"steps": []})


def test_whatif_prices_every_copy_and_runs_none(fresh):
    single = fresh.submit(fresh.image(), query={"whatif": "true"}).json()["cost"]["total"]
    reply = fresh.submit(repeat(fresh.image(prompt=ref("item"))), query={"whatif": "true"}, arguments=WORDS)

    assert (reply.status_code, reply.json()["cost"]["total"]) == (200, 3 * single)
    assert reply.headers["X-Civitai-Cost-Total"] == str(3 * single)
    assert fresh.ids() == []


def test_an_image_in_the_arguments_is_named_where_it_stands(idle):
    step = repeat(idle.sdxl(operation="createVariant", image=ref("item")), "images")

    errors = idle.errors(idle.submit(step, arguments={"images": ["data:image/png;base64,AAAA"]}))

    assert list(errors) == ["arguments.images[0]"]
    assert idle.ids() == []


@pytest.mark.parametrize(
    ("input_", "path"),
    [
        (None, "steps[0].input"),
        ([], "steps[0].input"),
        ({}, "steps[0].input.for"),
        ({"for": None, "template": {}}, "steps[0].input.for"),
        ({"for": {"$ref": 1, "path": "words", "as": "x"}, "template": {}}, "steps[0].input.for"),
        ({"for": {"$ref": "$arguments", "path": "words", "as": 1}, "template": {}}, "steps[0].input.for.as"),
        ({"for": {"$ref": "$arguments", "path": "words", "as": "x" * 129}}, "steps[0].input.for.as"),
        ({"for": {"$ref": "$arguments", "path": "words", "as": "x"}, "template": []}, "steps[0].input.template"),
        ({"for": {"$ref": "$arguments", "path": "words", "as": "x"}, "template": {}}, "steps[0].input.template.$type"),
        ({"for": {"$ref": "$arguments", "path": "one", "as": "x"}, "template": {}}, "steps[0].input.template.$type"),
    ],
)
def test_what_is_no_repeat_is_refused(idle, input_, path):
    errors = idle.errors(idle.submit({"$type": "repeat", "input": input_}, arguments=WORDS))

    assert path in errors
    assert idle.ids() == []


def test_more_than_a_hundred_items_are_refused(idle):
    errors = idle.errors(idle.submit(repeat(idle.echo(ref("item"))), arguments={"words": ["x"] * 101}))

    assert errors == {"steps[0].input.for": ["`words` of `$arguments` has 101 items; at most 100"]}


def test_what_depth_alone_would_multiply_is_refused(idle):
    step = idle.echo("x")
    for level in ("a", "b", "c"):
        step = repeat(step)
        step["input"]["for"]["as"] = level
    errors = idle.errors(idle.submit(step, arguments={"words": ["x"] * 100}))

    assert all("copies" in message for messages in errors.values() for message in messages)
