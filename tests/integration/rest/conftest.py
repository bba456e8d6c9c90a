"""What the tests of the REST surface share: an account's client, and what is true of every reply."""

import base64
import io
import re
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from palio.store.database import sqlite_url
from palio.store.store import Store
from palio.store.tokens import Tokens

WORKFLOWS = "/v2/consumer/workflows"
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,7})?Z")
OWN_JSON = ("metadata", "arguments", "input")
"""Members that are the caller's own JSON, in which anything may stand."""


class Api:
    """One account's client. Every reply that passes through it is checked for what all replies must be."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            event_hooks={"response": [check_reply]},
        )
        self.get = self.http.get
        self.head = self.http.head
        self.post = self.http.post
        self.put = self.http.put
        self.patch = self.http.patch
        self.delete = self.http.delete

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def submit(self, *steps: dict, query: dict | None = None, **members) -> httpx.Response:
        """Submit a workflow of these steps."""
        return self.post(WORKFLOWS, json={"steps": list(steps), **members}, params=query or {})

    def start(self, *steps: dict, **members) -> dict:
        """A workflow that was accepted."""
        reply = self.submit(*steps, **members)
        assert reply.status_code == 202, reply.text
        return reply.json()

    def run(self, *steps: dict, **members) -> dict:
        """A workflow that is over."""
        reply = self.submit(*steps, query={"wait": 60}, **members)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def workflow(self, workflow_id: str, **query) -> dict:
        """A workflow as it is now."""
        reply = self.get(f"{WORKFLOWS}/{workflow_id}", params=query)
        assert reply.status_code in (200, 202), reply.text
        return reply.json()

    def ids(self, **query) -> list[str]:
        """The ids on the first page of a query."""
        return [item["id"] for item in self.get(WORKFLOWS, params=query).json()["items"]]

    def errors(self, reply: httpx.Response, status: int = 400) -> dict:
        """The errors by path that a reply names."""
        assert reply.status_code == status, reply.text
        return reply.json().get("errors", {})

    def anonymous(self) -> httpx.Client:
        """A client without a token, whose replies are checked too."""
        return httpx.Client(base_url=self.url, timeout=60, event_hooks={"response": [check_reply]})

    @staticmethod
    def echo(message: str = "hello", **members) -> dict:
        """A step that is over at once."""
        return {"$type": "echo", "input": {"message": message}, **members}

    @staticmethod
    def slow(**members) -> dict:
        """A step that takes a minute."""
        return {
            "$type": "imageGen",
            "input": {"engine": "grok", "operation": "createImage", "prompt": "a slow tide"},
            **members,
        }

    @staticmethod
    def image(prompt: str = "a cat", **members) -> dict:
        """A step that makes 64 x 64 pixels at once; refused if the prompt has the word `forbidden`."""
        return {"$type": "imageGen", "input": {"engine": "seedream", "prompt": prompt, **members}}

    @staticmethod
    def sdxl(**members) -> dict:
        """A step that has a small picture drawn."""
        return {
            "$type": "imageGen",
            "input": {
                "engine": "sdcpp",
                "ecosystem": "sdxl",
                "operation": "createImage",
                "model": "urn:air:sdxl:checkpoint:civitai:101@202",
                "prompt": "a lighthouse",
                "width": 128,
                "height": 64,
                **members,
            },
        }


def check_reply(reply: httpx.Response) -> None:
    """What clients of the contract rely on in every reply, whatever it answers."""
    reply.read()
    media_type = reply.headers.get("content-type", "")
    if reply.status_code >= 400 and reply.request.method != "HEAD":
        assert media_type == "application/problem+json", (reply.status_code, media_type, reply.text)
        check_problem(reply)
    elif reply.content:
        assert media_type, f"{reply.request.url} answered a body without Content-Type"
    if media_type == "application/json" and "/v2/" in reply.request.url.path:
        check_document(reply.json(), "")


def check_problem(reply: httpx.Response) -> None:
    """Clients read `status` and `detail` in the body, and fail on `errors` that are not an object of arrays."""
    problem = reply.json()
    assert problem["status"] == reply.status_code
    assert isinstance(problem["title"], str)
    assert isinstance(problem["detail"], str)
    assert problem["detail"].strip()
    if reply.status_code == 400:
        assert problem["errors"]
    for path, messages in problem.get("errors", {}).items():
        assert isinstance(path, str)
        assert messages
        assert all(isinstance(message, str) and message for message in messages)


def check_document(value: object, at: str) -> None:
    """No member is null, and every instant is RFC 3339 in UTC."""
    assert value is not None, f"{at} is null"
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_document(item, f"{at}[{index}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            if name not in OWN_JSON:
                check_document(member, f"{at}.{name}")
            if name.endswith(("At", "Date")):
                assert INSTANT.fullmatch(member), f"{at}.{name} is {member}"


@pytest.fixture(scope="session")
def tokens(server) -> Iterator[Tokens]:
    """The server's tokens, as `palio token` has them while the server runs."""
    store = Store(sqlite_url(server.data))
    yield store.tokens
    store.close()


@pytest.fixture(scope="session")
def api(server, tokens) -> Iterator[Api]:
    """The client of an account that these tests have to themselves."""
    with Api(server.url, tokens.create("rest")) as api:
        yield api


@pytest.fixture(scope="session")
def stranger(server, tokens) -> Iterator[Api]:
    """The client of yet another account."""
    with Api(server.url, tokens.create("stranger")) as api:
        yield api


@pytest.fixture(scope="session")
def idle(server, tokens) -> Iterator[Api]:
    """The client of an account that has no workflows, and stays so."""
    with Api(server.url, tokens.create("idle")) as api:
        yield api


@pytest.fixture
def fresh(server, tokens) -> Iterator[Api]:
    """The client of an account without workflows."""
    with Api(server.url, tokens.create("fresh")) as api:
        yield api


@pytest.fixture(scope="session")
def png() -> bytes:
    """A picture of 96 x 64 pixels."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def data_url(png) -> str:
    """The same picture as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
