"""The tools as the official client calls them, on both generations of the protocol."""

import asyncio
import base64
import io
import json

import anyio
import httpx
import pytest
from jsonschema import Draft202012Validator
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from PIL import Image
from tests.conftest import CONFIG, running
from tests.integration.mcp.conftest import GENERATIONS, connected

from palio.surfaces.mcp.catalog import TOOLS, Action
from palio.surfaces.mcp.guides import EACH_ANIMAL
from palio.surfaces.mcp.schemas import EXAMPLES

FOX = {"engine": "sdxl", "prompt": "a fox in the snow", "size": "256x128", "outputFormat": "png"}
NET = {"preprocessor": "canny", "weight": 1, "startStep": 0, "endStep": 1}
SLOW = {"engine": "grok", "prompt": "a slow tide"}
"""Takes a minute."""


def text(result: CallToolResult) -> str:
    return result.content[0].text


def of_type(result: CallToolResult, kind: str) -> list:
    return [block for block in result.content if block.type == kind]


async def status(server, workflow_id: str) -> str:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {server.token}"}) as rest:
        return (await rest.get(f"{server.url}/v2/consumer/workflows/{workflow_id}")).json()["status"]


async def becomes(server, workflow_id: str, wanted: str) -> str:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {server.token}"}, timeout=30) as rest:
        reply = await rest.get(f"{server.url}/v2/consumer/workflows/{workflow_id}", params={"wait": 20})
    return reply.json()["status"]


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_an_image_is_generated_shown_and_linked(connect, mode):
    async with connect(mode) as client:
        # When an image is asked for in flat arguments
        result = await client.call_tool(Action.generate, FOX)

        # Then the answer says what there is, to people and to programs
        assert not result.is_error, text(result)
        workflow = result.structured_content
        assert workflow["status"] == "succeeded"
        assert workflow["id"] in text(result)
        assert "sketch is a built-in stand-in" in text(result)
        # and shows it small
        (preview,) = of_type(result, "image")
        shown = Image.open(io.BytesIO(base64.b64decode(preview.data)))
        assert (shown.format, max(shown.size) <= 450) == ("JPEG", True)
        # and links to it whole
        (link,) = of_type(result, "resource_link")
        (whole,) = (await client.read_resource(link.uri)).contents
        assert (link.mime_type, whole.mime_type) == ("image/png", "image/png")
        assert Image.open(io.BytesIO(base64.b64decode(whole.blob))).size == (256, 128)
        # and its URL leads to REST.
        (blob,) = workflow["steps"][0]["output"]["images"]
        async with httpx.AsyncClient(follow_redirects=True) as rest:
            assert (await rest.get(blob["url"])).content == base64.b64decode(whole.blob)


@pytest.mark.parametrize(
    "body",
    [
        {"engine": "seedream", "prompt": "a cup"},
        {"steps": [{"$type": "imageGen", "input": {"engine": "seedream", "prompt": "a cup"}}]},
        json.dumps({"engine": "seedream", "prompt": "a cup"}),
    ],
    ids=["an image input", "a template", "as text"],
)
async def test_the_contracts_own_form_goes_under_body(connect, body):
    async with connect() as client:
        result = await client.call_tool(Action.generate, {"body": body})
    assert (result.is_error, result.structured_content["status"]) == (False, "succeeded")


async def test_an_engine_need_not_be_named(connect):
    async with connect() as client:
        result = await client.call_tool(Action.generate, {"prompt": "a cup", "whatif": True})
    assert "nothing was submitted" in text(result)
    assert "id" not in result.structured_content
    assert result.structured_content["steps"][0]["input"]["engine"] == "flux2"


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        ({**FOX, "size": "99999x128"}, "size", "sdxl takes sides of 64 to 2048 pixels"),
        ({**FOX, "size": "4096x4096"}, "size", "the width must be at most 2048"),
        ({**FOX, "size": "large"}, "size", "such as 1024x768"),
        ({**FOX, "aspectRatio": "16:9"}, "size", "cannot be sent together with aspectRatio"),
        ({**FOX, "quantity": 99}, "quantity", "at most 12"),
        ({**FOX, "engine": "dalle"}, "engine", "known are flux1"),
        ({**FOX, "colour": "red"}, "colour", "has no place in an input for sdxl"),
        ({"engine": "seedream", "prompt": "x", "cfgScale": 99}, "cfgScale", "at most 10"),
        ({"engine": "sdxl"}, "prompt", "is required"),
        ({**FOX, "wait": -1}, "wait", "whole number of seconds"),
        ({**FOX, "whatif": "perhaps"}, "whatif", "true or false"),
        (
            {"engine": "qwen", "prompt": "x", "images": [f"palio://blobs/{chr(65) * 26}.png"]},
            "images[0]",
            "there is no blob",
        ),
        ({"body": {"engine": "seedream", "prompt": "x", "width": 1}}, "body.width", "at least 256"),
        ({"body": {"steps": []}}, "body.steps", ""),
        ({"body": [1]}, "body", "must be a JSON object"),
        ({"body": {}, "prompt": "x"}, "prompt", "cannot be sent together with body"),
        ({"prompt": "a\0b"}, "prompt", "NUL"),
    ],
)
async def test_what_is_wrong_is_told_by_field_as_the_caller_wrote_it(connect, arguments, path, message):
    async with connect() as client:
        result = await client.call_tool(Action.generate, arguments)
    assert result.is_error
    assert path in result.structured_content["errors"], result.structured_content
    assert any(message in told for told in result.structured_content["errors"][path])
    assert path in text(result)


async def test_everything_that_is_wrong_is_told_at_once(connect):
    async with connect() as client:
        result = await client.call_tool(Action.generate, {**FOX, "quantity": 0, "steps": 1000})
    assert set(result.structured_content["errors"]) == {"quantity", "steps"}
    assert "- quantity: " in text(result)
    assert "- steps: " in text(result)


async def test_an_image_that_was_made_here_can_be_edited_by_its_address(connect):
    async with connect() as client:
        first = await client.call_tool(Action.generate, FOX)
        (link,) = of_type(first, "resource_link")

        edited = await client.call_tool(
            Action.generate, {"engine": "qwen", "prompt": "at night", "images": [link.uri.replace("palio", "spine")]}
        )

    assert edited.structured_content["status"] == "succeeded", text(edited)
    assert edited.structured_content["steps"][0]["input"]["operation"] == "editImage"


async def test_images_that_were_sent_are_not_read_back(connect):
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(picture, "PNG")
    data = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    async with connect() as client:
        result = await client.call_tool(Action.generate, {"engine": "sd1", "prompt": "x", "images": [data]})
    told = result.structured_content["steps"][0]["input"]["image"]
    assert told.startswith("data:image/png;base64,")
    assert told.endswith(f"({len(data)} characters)")


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_wait_that_ends_first_gives_the_id_and_what_to_call_next(connect, mode):
    async with connect(mode) as client:
        # Given an image that takes longer than the call may
        result = await client.call_tool(Action.generate, {**SLOW, "wait": 1})

        # Then the answer is no error, and leads on
        workflow_id = result.structured_content["id"]
        assert not result.is_error
        assert f'{Action.get} {{"workflowId": "{workflow_id}", "wait": 45}}' in text(result)

        # and the workflow is there to be read, and canceled.
        read = await client.call_tool(Action.get, {"workflowId": workflow_id, "wait": 1})
        assert read.structured_content["status"] == "processing"
        canceled = await client.call_tool(Action.cancel, {"workflowId": workflow_id})
        assert canceled.structured_content["status"] == "canceled"


async def test_a_canceled_workflow_stays_readable_unless_it_is_deleted(connect):
    async with connect() as client:
        started = await client.call_tool(Action.generate, {**SLOW, "wait": 0})
        named = {"workflowId": started.structured_content["id"]}

        # When it is canceled twice, the second time is no error.
        await client.call_tool(Action.cancel, named)
        again = await client.call_tool(Action.cancel, named)
        assert (again.is_error, "was over already" in text(again)) == (False, True)
        assert not (await client.call_tool(Action.get, named)).is_error

        # When it is deleted, it is gone.
        await client.call_tool(Action.cancel, {**named, "delete": True})
        gone = await client.call_tool(Action.get, named)
        assert (gone.is_error, gone.structured_content["status"]) == (True, 404)


async def test_what_failed_is_an_error_that_says_why(connect):
    async with connect() as client:
        result = await client.call_tool(Action.generate, {"engine": "seedream", "prompt": "forbidden fruit"})
        assert result.is_error
        assert "job " in text(result)
        # Reading about it is none.
        read = await client.call_tool(Action.get, {"workflowId": result.structured_content["id"]})
        assert (read.is_error, read.structured_content["status"]) == (False, "failed")


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_progress_is_told_to_who_asks_for_it_and_grows(connect, mode):
    heard: list[tuple[float, float | None]] = []

    async def on_progress(share: float, total: float | None, message: str | None) -> None:
        heard.append((share, total))
        assert message

    async with connect(mode) as client:
        await client.call_tool(Action.generate, FOX, progress_callback=on_progress)
        result = await client.call_tool(Action.generate, {**SLOW, "wait": 3}, progress_callback=on_progress)
        await client.call_tool(Action.cancel, {"workflowId": result.structured_content["id"]})

    assert heard[0] == (1.0, 1.0)
    of_slow = [share for share, _ in heard[1:]]
    assert of_slow
    assert of_slow == sorted(set(of_slow))
    assert max(of_slow) < 1


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_call_that_its_client_gives_up_stops_what_it_waited_for(connect, server, mode):
    async with connect(mode) as client:
        # Given a call that waits
        submitted = asyncio.Event()

        async def on_progress(*_: object) -> None:
            submitted.set()

        # When its client gives up
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.call_tool(Action.generate, SLOW, progress_callback=on_progress))
            await submitted.wait()
            group.cancel_scope.cancel()

        # Then the workflow is canceled.
        found = await client.call_tool(Action.query, {"take": 1})
        (workflow,) = found.structured_content["items"]
        assert await becomes(server, workflow["id"], "canceled") == "canceled"


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_who_only_looks_on_stops_nothing(connect, server, mode):
    async with connect(mode) as client:
        started = await client.call_tool(Action.generate, {**SLOW, "wait": 0})
        named = {"workflowId": started.structured_content["id"]}
        heard = asyncio.Event()

        async def on_progress(*_: object) -> None:
            heard.set()

        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.call_tool(Action.get, {**named, "wait": 60}, progress_callback=on_progress))
            await heard.wait()
            group.cancel_scope.cancel()

        assert await status(server, named["workflowId"]) == "processing"
        await client.call_tool(Action.cancel, named)


async def test_a_workflow_of_several_steps(connect):
    steps = [
        {"$type": "echo", "name": "subject", "input": {"message": "a windmill"}},
        {
            "$type": "imageGen",
            "input": {"engine": "seedream", "prompt": {"$ref": "subject", "path": "output.message"}},
        },
    ]
    async with connect() as client:
        flat = await client.call_tool(Action.submit, {"steps": steps, "tags": ["mcp"], "wait": 30})
        nested = await client.call_tool(Action.submit, {"body": {"steps": steps}})

        assert flat.structured_content["status"] == "succeeded", text(flat)
        assert "a windmill" in text(flat)
        # Who does not ask to wait has the answer at once.
        assert nested.structured_content["id"]
        over = await client.call_tool(
            Action.get, {"workflowId": nested.structured_content["id"], "wait": 30, "previews": False}
        )
        assert (over.structured_content["status"], of_type(over, "image")) == ("succeeded", [])


async def test_what_a_repeat_made_is_told_shown_and_listed(connect, server):
    template = {"steps": [EACH_ANIMAL], "arguments": {"animals": ["a hen", "a goat"]}, "wait": 30}
    async with connect(token=server.another_token("repeats")) as client:
        result = await client.call_tool(Action.submit, template)
        page = await client.call_tool(Action.query, {})
        listed = (await client.list_resources()).resources

    assert result.structured_content["status"] == "succeeded", text(result)
    made = [image["id"] for copy in result.structured_content["steps"][0]["output"]["steps"]
            for image in copy["output"]["images"]]  # fmt: skip
    assert len(made) == 2
    assert "animals (repeat): succeeded, 2 steps" in text(result)
    assert "animals[1] (imageGen): succeeded, by sketch" in text(result)
    assert "built-in stand-in" in text(result)
    assert all(f"palio://blobs/{blob}" in text(result) for blob in made)
    assert len(of_type(result, "image")) == 2
    assert {str(link.uri) for link in of_type(result, "resource_link")} == {f"palio://blobs/{blob}" for blob in made}
    assert "repeat (2 images)" in text(page)
    assert {f"palio://blobs/{blob}" for blob in made} <= {str(resource.uri) for resource in listed}


async def test_addresses_of_own_images_stand_in_arguments_and_in_lists(connect):
    async with connect() as client:
        first = await client.call_tool(Action.generate, FOX)
        (link,) = of_type(first, "resource_link")
        vary = {
            "$type": "textToImage",
            "input": {
                "prompt": "at night",
                "width": 128,
                "height": 128,
                "sourceImage": {"$ref": "$arguments", "path": "pictures[0]"},
                "controlNets": [{**NET, "image": str(link.uri)}],
            },
        }
        sent = {"steps": [vary], "arguments": {"pictures": [str(link.uri)]}, "whatif": True}
        taken = await client.call_tool(Action.submit, sent)
        unknown = await client.call_tool(Action.submit, sent | {"arguments": {"pictures": ["palio://blobs/none.png"]}})

    assert not taken.is_error, text(taken)
    assert taken.structured_content["arguments"]["pictures"][0].startswith("http://")
    assert taken.structured_content["steps"][0]["input"]["controlNets"][0]["image"].startswith("http://")
    assert "arguments.pictures[0]: there is no blob" in text(unknown)


async def test_an_ephemeral_workflow_is_shown_to_the_call_that_waited(connect):
    template = {"ephemeral": True, "steps": [{"$type": "echo", "input": {"message": "once"}}]}
    async with connect() as client:
        result = await client.call_tool(Action.submit, {"body": template, "wait": 30})
        assert result.structured_content["status"] == "succeeded", text(result)
        gone = await client.call_tool(Action.get, {"workflowId": result.structured_content["id"]})
        assert gone.structured_content["status"] == 404


async def test_workflows_are_found_page_by_page(connect, server):
    token = server.another_token("pages")
    async with connect(token=token) as client:
        for number in range(3):
            template = {"tags": [f"n{number}"], "steps": [{"$type": "echo", "input": {"message": "x"}}]}
            await client.call_tool(Action.submit, {"body": template, "wait": 10})

        first = await client.call_tool(Action.query, {"take": 2, "status": "succeeded"})
        rest = await client.call_tool(Action.query, {"take": "2", "cursor": first.structured_content["next"]})
        tagged = await client.call_tool(Action.query, {"tags": ["n1"]})
        none = await client.call_tool(Action.query, {"status": "failed"})
        bad = await client.call_tool(Action.query, {"status": "done", "take": 0})

    assert [item["tags"] for item in first.structured_content["items"]] == [["n2"], ["n1"]]
    assert [item["tags"] for item in rest.structured_content["items"]] == [["n0"]]
    assert "next" not in rest.structured_content
    assert [item["tags"] for item in tagged.structured_content["items"]] == [["n1"]]
    assert text(none) == "No workflows."
    assert bad.is_error


async def test_a_page_ends_before_it_is_too_large_to_send(connect, server):
    token = server.another_token("large pages")
    async with connect("legacy", token) as client:
        metadata = {"note": "x" * 15_000}
        for _ in range(50):
            template = {"metadata": metadata, "steps": [{"$type": "echo", "input": {"message": "x"}}]}
            await client.call_tool(Action.submit, {"body": template, "wait": 10})
        seen, cursor, pages = 0, None, 0
        while True:
            page = await client.call_tool(Action.query, {"take": 1000, **({"cursor": cursor} if cursor else {})})
            seen += len(page.structured_content["items"])
            pages += 1
            cursor = page.structured_content.get("next")
            if cursor is None:
                break
    assert (seen, pages) == (50, 2)


async def test_each_account_sees_only_its_own(connect, server):
    other = server.another_token("mcp-other")
    async with connect() as client, connect(token=other) as stranger:
        made = await client.call_tool(Action.generate, FOX)
        named = {"workflowId": made.structured_content["id"]}
        (link,) = of_type(made, "resource_link")

        assert (await stranger.call_tool(Action.get, named)).structured_content["status"] == 404
        assert (await stranger.call_tool(Action.cancel, named)).structured_content["status"] == 404
        assert (await stranger.call_tool(Action.query, {})).structured_content["items"] == []
        edit = {"engine": "qwen", "prompt": "x", "images": [link.uri]}
        assert "images[0]" in (await stranger.call_tool(Action.generate, edit)).structured_content["errors"]
        for uri in (link.uri, f"palio://workflows/{named['workflowId']}"):
            with pytest.raises(MCPError, match="there is no resource"):
                await stranger.read_resource(uri)


async def test_schemas_take_their_examples_and_both_forms(connect):
    async with connect() as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(listed) == [tool.action for tool in TOOLS]
    for action, example in EXAMPLES.items():
        schema = listed[action].input_schema
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(example)
        # Some models' APIs refuse these at the top.
        assert not {"anyOf", "oneOf", "allOf"} & schema.keys()
    for action in (Action.generate, Action.submit):
        Draft202012Validator(listed[action].input_schema).validate({"body": {"steps": []}})


async def test_examples_work(connect):
    async with connect() as client:
        for action in (Action.generate, Action.submit):
            result = await client.call_tool(action, {**EXAMPLES[action], "whatif": True})
            assert not result.is_error, text(result)


async def test_other_names_are_offered_when_asked_for(tmp_path, connect):
    aliases = {tool.alias for tool in TOOLS}
    async with connect() as client:
        assert not aliases & {tool.name for tool in (await client.list_tools()).tools}
    with running(tmp_path / "aliases", CONFIG, "--mcp-aliases") as other:
        async with connected(other.mcp_url, other.token) as client:
            assert aliases < {tool.name for tool in (await client.list_tools()).tools}
            result = await client.call_tool("generate_image", FOX)
    assert result.structured_content["status"] == "succeeded"
