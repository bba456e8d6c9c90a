"""fal.ai's queue, after its documentation and its clients.

`fal_inputs.json` has the members that each endpoint's input takes, those with `!` required, as the types of npm
`@fal-ai/client` 1.10.1 have them. An endpoint refuses others, so that a misspelled field of a catalog is found.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.standins.server import KEY, Call, Says, StandIn, png

_INPUTS = {
    endpoint: frozenset(members.split())
    for endpoint, members in json.loads(Path(__file__).with_name("fal_inputs.json").read_text()).items()
}
_SIZES = {"square_hd": (1024, 1024)}
_REQUEST = re.compile(r"/(?P<app>[^/]+/[^/]+)/requests/(?P<id>[^/]+?)(?P<what>/status|/cancel)?")


@dataclass
class Request:
    """A request in the queue."""

    id: str
    endpoint: str
    input: dict[str, Any]
    polls: int = 0
    is_canceled: bool = False
    fails: Says | None = None
    """How its result ends, if not well."""
    says: dict[str, Any] = field(default_factory=dict)
    """Further members of its result."""


class Fal(StandIn):
    """The queue, its results, and where those are downloaded from."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: dict[str, Request] = {}
        self.queued, self.running = 0, 0
        """How many times a request is said to be in the queue, and then under way."""
        self.fails: Says | None = None
        """How the result of every further request ends."""
        self.says: dict[str, Any] = {}
        self.colour = (30, 90, 160)
        self.shown_as = ""
        """The address that its queue gives as its own, if it stands behind another."""
        self.is_locked = False
        self.has_expired = False

    def phase(self, call: Call) -> str:
        if call.path.startswith("/files/"):
            return "download"
        if found := _REQUEST.fullmatch(call.path):
            return {"/status": "poll", "/cancel": "cancel", None: "result"}[found["what"]]
        return "submit"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            return self._file(call)
        if call.headers.get("authorization") != f"Key {KEY}":
            return Says(401, {"detail": "Cannot access application. Authentication is required."})
        if phase == "submit":
            return self._submit(call)
        found = _REQUEST.fullmatch(call.path)
        assert found is not None
        request = self.requests.get(found["id"])
        if request is None:
            return Says(404, {"detail": "Request not found"} if phase != "cancel" else {"status": "NOT_FOUND"})
        return {"poll": self._status, "result": self._result, "cancel": self._cancel}[phase](request)

    def _submit(self, call: Call) -> Says:
        endpoint = call.path.removeprefix("/")
        if endpoint not in _INPUTS:
            return Says(404, {"detail": f"Application {endpoint!r} not found"})
        if self.is_locked:
            return Says(403, {"detail": "User is locked. Reason: Exhausted balance. Top up your balance."})
        request = Request(f"r{len(self.requests) + 1:08d}", endpoint, call.json, fails=self.fails, says=self.says)
        self.requests[request.id] = request
        self.started.append(request)
        owner, app, *_ = endpoint.split("/")
        address = f"{self.shown_as or self.url}/{owner}/{app}/requests/{request.id}"
        return Says(
            200,
            {
                "request_id": request.id,
                "status": "IN_QUEUE",
                "queue_position": self.queued,
                "response_url": address,
                "status_url": f"{address}/status",
                "cancel_url": f"{address}/cancel",
            },
        )

    def _status(self, request: Request) -> Says:
        request.polls += 1
        about = {"request_id": request.id, "logs": None}
        if not request.is_canceled:
            if request.polls <= self.queued:
                return Says(202, {"status": "IN_QUEUE", "queue_position": self.queued - request.polls, **about})
            if request.polls <= self.queued + self.running:
                return Says(202, {"status": "IN_PROGRESS", **about})
        ended = {"status": "COMPLETED", "metrics": {"inference_time": 0.5}, **about}
        if request.fails is not None or request.is_canceled:
            ended["error"] = "Request failed"
        return Says(200, ended)

    def _result(self, request: Request) -> Says:
        if request.polls <= self.queued + self.running and not request.is_canceled:
            return Says(400, {"detail": "Request is still in progress"})
        if request.is_canceled:
            return Says(500, {"detail": "Request was cancelled", "error_type": "request_cancelled"})
        if error := self._complaint(request):
            return Says(422, {"detail": [error]}, {"X-Fal-Retryable": "false"})
        if request.fails is not None:
            return request.fails
        width, height = _size(request.input)
        url = f"{self.url}/files/{request.id}-{width}x{height}.png"
        image = {"url": url, "width": width, "height": height, "content_type": "image/png"}
        return Says(200, {"images": [image], "seed": request.input.get("seed", 1), **request.says})

    def _complaint(self, request: Request) -> dict[str, Any] | None:
        known = _INPUTS[request.endpoint]
        for name in request.input:
            if name not in known and f"{name}!" not in known:
                return {"loc": ["body", name], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}
        for name in (member.removesuffix("!") for member in known if member.endswith("!")):
            if name not in request.input:
                return {"loc": ["body", name], "msg": "Field required", "type": "missing"}
        return None

    def _cancel(self, request: Request) -> Says:
        if request.is_canceled or request.polls > self.queued + self.running:
            return Says(400, {"status": "ALREADY_COMPLETED"})
        request.is_canceled = True
        return Says(202, {"status": "CANCELLATION_REQUESTED"})

    def _file(self, call: Call) -> Says:
        if self.has_expired:
            return Says(404, b"gone", {"Content-Type": "text/plain"})
        sides = re.search(r"(\d+)x(\d+)\.png", call.path)
        assert sides is not None
        # Nobody who has no key is shown it, and nobody who has one has to show it.
        assert "authorization" not in call.headers or call.headers["authorization"] == f"Key {KEY}"
        return Says(200, png(int(sides[1]), int(sides[2]), self.colour), {"Content-Type": "image/png"})


def _size(input_: dict[str, Any]) -> tuple[int, int]:
    size = input_.get("image_size")
    return (size["width"], size["height"]) if isinstance(size, dict) else (1024, 1024)
