"""A real server with one vendor, and jobs for every model of that vendor's catalog."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from tests.conftest import Server, running
from tests.standins.server import KEY, StandIn, png

PICTURE = base64.b64encode(png(96, 64)).decode()

OVER = ("succeeded", "failed", "expired", "canceled")
TRIES = 4
"""How often a workflow is asked for that goes on when the wait for it is over."""

CONFIG = """
sketch = false

[providers.vendor]
kind = "{kind}"
base_url = "{url}"
concurrency = 8
{more}
"""


@contextmanager
def serving_vendor(data: Path, kind: str, stand_in: StandIn, key: str | None, more: str = "") -> Iterator[Server]:
    """A server whose only provider is a vendor, at its stand-in."""
    keys = {key: KEY} if key is not None else {}
    with running(data, CONFIG.format(kind=kind, url=stand_in.url, more=more), **keys) as server:
        yield server


def make(server: Server, inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Image.Image | str]:
    """The picture that each input ends with, by its name, or what is said in place of one."""
    steps = [
        {"$type": "imageGen", "name": f"s{nth}", "input": {"prompt": "a tin robot", **input_}}
        for nth, input_ in enumerate(inputs.values())
    ]
    made: dict[str, Image.Image | str] = {}
    with server.client() as client:
        reply = client.post("/v2/consumer/workflows", json={"steps": steps}, params={"wait": 60})
        for _ in range(TRIES):
            assert reply.status_code in (200, 202), reply.text
            if reply.json()["status"] in OVER:
                break
            reply = client.get(f"/v2/consumer/workflows/{reply.json()['id']}", params={"wait": 30})
        for name, step in zip(inputs, reply.json()["steps"], strict=True):
            if step["status"] != "succeeded":
                made[name] = f"{step['status']}: {step.get('output', {}).get('errors')}"
                continue
            file = client.get(step["output"]["images"][0]["url"], follow_redirects=True)
            made[name] = Image.open(BytesIO(file.content))
    return made
