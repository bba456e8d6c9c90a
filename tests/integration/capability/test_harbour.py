"""A file with what the published ones have not: parameters in headers and arrays, templates, a key in the query."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp import Client
from tests.integration.capability.running import Answer, Api, Running, runner

PORT = 8083


@pytest.fixture
def office(harbour: Path, upstream: Api) -> Iterator[Running]:
    environment = {"HARBOUR_KEY": "s3 cret/", "HARBOUR_EDITION": "7"}
    with runner([harbour], f"{upstream.url}/api", environment, ports=[PORT]) as started:
        yield started


@pytest.fixture
def caller(office: Running) -> Iterator[httpx.Client]:
    with office.client(PORT) as client:
        yield client


def test_literals_headers_and_repeated_values_reach_the_api_with_the_key_in_the_query(
    caller: httpx.Client, upstream: Api
):
    caller.get("/fleet?flag=fr&flag=se&api_key=mine&limit=9", headers={"Watch": "first"})
    assert upstream.last.target == "/api/ships?flag=fr&flag=se&limit=5&api_key=s3%20cret%2F"
    assert upstream.last.headers["x-watch"] == "first"
    assert upstream.last.headers["x-edition"] == "7"


def test_path_templates_of_both_kinds_are_filled_by_name(caller: httpx.Client, upstream: Api):
    caller.get("/fleet/IMO%2F9/at/q 2")
    assert upstream.last.target == "/api/ships/IMO%2F9/berths/q%202.json?api_key=s3%20cret%2F"


def test_a_body_of_any_type_passes(caller: httpx.Client, upstream: Api):
    caller.put("/fleet/1/at/2", content=b"moored", headers={"Content-Type": "text/plain"})
    assert (upstream.last.method, upstream.last.body) == ("PUT", b"moored")
    caller.put("/fleet/1/at/2")
    assert upstream.last.body == b""


def test_a_header_with_control_characters_is_refused(caller: httpx.Client, upstream: Api):
    reply = caller.get("/fleet", headers=[(b"Watch", b"a\x01b")])
    assert reply.status_code == 400
    assert upstream.asked == []


async def test_tools_take_what_is_declared_and_what_is_inferred(office: Running, upstream: Api):
    async with Client(f"{office.url(PORT)}/mcp") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        await client.call_tool("list-ships", {"flags": ["fr", "se"], "afloat": True, "limit": 3.0})
        assert upstream.last.target == ("/api/ships?flag=fr&flag=se&limit=3&afloat=true&api_key=s3%20cret%2F")
        await client.call_tool("get-berth", {"imo": "9"})
        assert upstream.last.target == "/api/ships/9/berths/pier-1.json?api_key=s3%20cret%2F"

    ships = tools["list-ships"]
    assert ships.title == "List ships"
    assert ships.annotations
    assert ships.annotations.model_dump(exclude_none=True) == {"read_only_hint": True}
    assert ships.input_schema["properties"] == {
        "flags": {"type": "array", "items": {}, "description": "Where they are registered."},
        "afloat": {"type": "boolean", "description": "Only those that float."},
        "limit": {"type": "integer"},
    }
    assert ships.input_schema["required"] == []
    assert tools["get-berth"].annotations is None
    assert tools["get-berth"].input_schema["required"] == ["imo"]


def test_skills_are_a_catalog_to_read(caller: httpx.Client):
    assert caller.get("/skills").json() == {
        "count": 2,
        "skills": [
            {
                "name": "berthing",
                "description": "How ships are berthed.",
                "license": "Apache-2.0",
                "tools": ["ships", "tides"],
            },
            {"name": "manners", "description": "How to behave in a harbour.", "tools": []},
        ],
    }
    assert caller.get("/skills/berthing").json() == {
        "name": "berthing",
        "description": "How ships are berthed.",
        "license": "Apache-2.0",
        "metadata": {"author": "the harbour master"},
        "allowed-tools": "list-ships",
        "tools": [
            {
                "name": "ships",
                "description": "Ships.",
                "type": "derived",
                "invocationRef": {"targetNamespace": "harbour-mcp", "action": "list-ships", "mode": "mcp"},
            },
            {"name": "tides", "description": "Tides.", "type": "instruction", "instruction": "notes/tides.md"},
        ],
    }


def test_files_of_a_skill_are_listed_read_and_packed(caller: httpx.Client):
    listed = caller.get("/skills/berthing/contents").json()
    assert listed["name"] == "berthing"
    assert [(file["path"], file["size"]) for file in listed["files"]] == [("SKILL.md", 37), ("notes/tides.md", 14)]

    file = caller.get("/skills/berthing/contents/notes/tides.md")
    assert (file.text, file.headers["content-type"].partition(";")[0]) == ("High at noon.\n", "text/markdown")

    packed = caller.get("/skills/berthing/download")
    assert packed.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.namelist() == ["SKILL.md", "notes/tides.md"]
        assert archive.read("notes/tides.md") == b"High at noon.\n"


@pytest.mark.parametrize(
    "path",
    [
        "/skills/nothing",
        "/skills/manners/contents",
        "/skills/manners/download",
        "/skills/berthing/contents/nothing.md",
        "/skills/berthing/contents/leak.txt",
        "/skills/berthing/contents/..%2Fsecret.txt",
        "/skills/berthing/contents/%2Fetc%2Fpasswd",
    ],
)
def test_nothing_outside_of_a_skill_is_there(caller: httpx.Client, path: str):
    reply = caller.get(path)
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


def test_skills_can_only_be_read(caller: httpx.Client):
    assert caller.post("/skills").status_code == 405


def test_keys_are_in_no_reply(caller: httpx.Client, upstream: Api):
    upstream.answer = Answer(200, b"{}")
    everything = "".join(caller.get(path).text for path in ("/fleet", "/skills", "/skills/berthing", "/nothing"))
    assert "s3 cret" not in everything
    assert json.dumps(upstream.last.headers).count("s3 cret") == 0
