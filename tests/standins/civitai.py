"""Civitai's Orchestration API, after the types of its client: workflows of one step, their blobs, and Buzz.

What an imageGen input may hold is the contract's word, which is asked here too: an input that no variant takes is
refused as the vendor does, with a problem document.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pydantic
from tests.standins.server import KEY, Call, Says, StandIn, png

from palio.contract.image.variants import find_variant
from palio.errors import BadRequest

FINAL = ("succeeded", "failed", "expired", "canceled")
EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MEMBERS = {"steps", "currencies", "metadata", "arguments", "tags", "callbacks", "tips", "nsfwLevel", "experimental"}
MEMBERS |= {"allowMatureContent", "ephemeral", "upgradeMode", "externalId"}


def problem(status: int, detail: str, **members: object) -> Says:
    """A problem document."""
    body = {"type": "about:blank", "title": "Problem", "status": status, "detail": detail, **members}
    return Says(status, body, {"Content-Type": "application/problem+json"})


@dataclass
class Workflow:
    """A workflow, and the size of its image."""

    id: str
    template: dict[str, Any]
    price: int
    width: int = 0
    height: int = 0
    is_whatif: bool = False
    polls: int = 0
    is_canceled: bool = False
    is_deleted: bool = False
    sig: int = 1
    """What its blob's address is signed with at the moment."""


@dataclass
class Ending:
    """How workflows end: a status, and members of the job and of the image that say why."""

    status: str = "succeeded"
    job: dict[str, Any] = field(default_factory=dict)
    image: dict[str, Any] | None = field(default_factory=dict)
    """None: there is no image."""
    errors: list[str] = field(default_factory=list)


class Civitai(StandIn):
    """Workflows, and the blobs that they make."""

    def __init__(self) -> None:
        super().__init__()
        self.workflows: dict[str, Workflow] = {}
        self.before: list[str] = []
        """The statuses that a workflow has before its last, one a poll."""
        self.ending = Ending()
        self.buzz = 1_000_000

    def phase(self, call: Call) -> str:
        path = call.path
        if path.startswith(("/v2/consumer/blobs/", "/content/")):
            return "renew" if path.endswith("/refresh") else "download"
        if call.method == "POST":
            return "whatif" if call.query.get("whatif") == ["true"] else "submit"
        if path == "/v2/consumer/workflows":
            return "list"
        return "cancel" if call.method in ("PUT", "DELETE") else "poll"

    def answer(self, phase: str, call: Call) -> Says:
        if phase == "download":
            return self._blob(call)
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return problem(401, "The token is not valid.")
        if phase == "renew":
            return self._renewed(call)
        if phase in ("submit", "whatif"):
            return self._submit(call, is_whatif=phase == "whatif")
        if phase == "list":
            return self._list(call)
        found = self.workflows.get(call.path.rpartition("/")[2])
        if found is None or found.is_deleted or found.is_whatif:
            return problem(404, "There is no such workflow.")
        if phase == "cancel":
            return self._cancel(found, call)
        found.polls += 1
        return Says(200 if self._status(found) in FINAL else 202, self._shown(found))

    def _submit(self, call: Call, *, is_whatif: bool) -> Says:
        template = call.json
        if unknown := set(template) - MEMBERS:
            return problem(400, f"unknown members {unknown}", errors={name: ["is not known"] for name in unknown})
        external = template.get("externalId")
        if external is not None:
            if not EXTERNAL_ID.fullmatch(external):
                return problem(400, "externalId: has characters that it cannot have")
            for known in self.workflows.values():
                if known.template.get("externalId") == external:
                    return Says(200, self._shown(known))
        tags = template.get("tags") or []
        if len(tags) > 10 or len(set(tags)) < len(tags) or any(len(tag) > 200 for tag in tags):
            return problem(400, "tags: at most 10 different ones of at most 200 characters")
        made = Workflow(f"5418-{20260101000000000 + len(self.workflows)}", template, 0, is_whatif=is_whatif)
        for nth, step in enumerate(template["steps"]):
            if step["$type"] == "imageGen":
                if (wrong := self._read(made, step["input"])) is not None:
                    return problem(400, f"steps[{nth}].input: {wrong}", errors={f"steps[{nth}].input": [wrong]})
            elif step["$type"] != "echo" or not isinstance(step["input"].get("message"), str):
                return problem(400, f"steps[{nth}]: cannot be read")
        if not is_whatif:
            if made.price > self.buzz:
                # A bare string, which clients take for too little Buzz.
                return Says(403, "You do not have enough Buzz")
            self.buzz -= made.price
            self.started.append(made)
        self.workflows[made.id] = made
        return Says(200 if is_whatif else 202, self._shown(made))

    def _read(self, made: Workflow, input_: dict[str, Any]) -> str | None:
        """What is wrong with an imageGen input."""
        try:
            variant = find_variant(input_, "")
            assert variant is not None
            read = variant.model_validate(input_)
        except (BadRequest, pydantic.ValidationError) as error:
            return str(error)
        job = read.first_job()
        made.price += read.price().total
        made.width, made.height = job.width, job.height
        return None

    def _list(self, call: Call) -> Says:
        wanted = set(call.query.get("tags", []))
        found = [
            self._shown(each)
            for each in self.workflows.values()
            if not each.is_deleted and not each.is_whatif and wanted <= set(each.template.get("tags") or [])
        ]
        return Says(200, {"items": found[::-1]})

    def _cancel(self, found: Workflow, call: Call) -> Says:
        if call.method == "DELETE":
            found.is_deleted = True
        elif call.json != {"status": "canceled"}:
            return problem(400, "status: can only be canceled")
        if self._status(found) not in FINAL:
            found.is_canceled = True
            self.buzz += found.price
        return Says(204, b"")

    def _status(self, found: Workflow) -> str:
        if found.is_canceled:
            return "canceled"
        if found.is_whatif or not found.polls:
            return "unassigned"
        return self.before[found.polls - 1] if found.polls <= len(self.before) else self.ending.status

    def _shown(self, found: Workflow) -> dict[str, Any]:
        status = self._status(found)
        step = {"priority": "normal", "metadata": {}, **found.template["steps"][0], "status": status}
        step["name"] = step.get("name") or "$0"
        if not found.is_whatif:
            step["jobs"] = [{"id": f"job-{found.id}", "status": status, "cost": 1.0}]
        if status in ("unassigned", "scheduled") and not found.is_whatif:
            step["jobs"][0]["queuePosition"] = {"support": "available", "precedingJobs": 3}
        if status in ("processing", "preparing"):
            step["estimatedProgressRate"] = 0.5
        if status == self.ending.status and not found.is_whatif:
            step["jobs"][0] |= self.ending.job
            step["output"] = {"images": [], "errors": self.ending.errors}
            if self.ending.image is not None:
                step["output"]["images"] = [self._image(found) | self.ending.image]
        moved = [{"type": "debit", "amount": found.price, "accountType": "blue", "id": "t1"}]
        if found.is_canceled:
            moved.append({"type": "credit", "amount": found.price, "accountType": "blue", "id": "t2"})
        tips = {"civitai": 0, "creators": 0}
        return {
            "id": found.id,
            "createdAt": "2026-11-24T12:00:00.1234567Z",
            "status": status,
            "steps": [step],
            "metadata": found.template.get("metadata") or {},
            "arguments": found.template.get("arguments") or {},
            "tags": found.template.get("tags") or [],
            "callbacks": [],
            "tips": tips,
            "cost": {"base": found.price, "tips": tips, "total": found.price},
            "transactions": {"list": moved if found.price else []},
            "upgradeMode": "manual",
            "currencies": found.template.get("currencies") or [],
            "forceRefunded": False,
        }

    def _image(self, found: Workflow) -> dict[str, Any]:
        return {
            "type": "image",
            "id": f"{found.id}-0.png",
            "available": True,
            "url": self._signed(found),
            "urlExpiresAt": "2027-11-24T12:00:00Z",
            "jobId": f"job-{found.id}",
            "nsfwLevel": "pg",
            "width": found.width,
            "height": found.height,
        }

    def _signed(self, found: Workflow) -> str:
        exp = quote("2027-11-24T12:00:00Z")
        return f"{self.url}/v2/consumer/blobs/{found.id}-0.png?sig={found.sig}&exp={exp}"

    def _blob(self, call: Call) -> Says:
        found = self.workflows.get(call.path.rpartition("/")[2].removesuffix("-0.png"))
        if found is None:
            return problem(404, "There is no such blob.")
        if call.path.startswith("/content/"):
            return Says(200, png(found.width, found.height), {"Content-Type": "image/png"})
        if call.query.get("sig") != [str(found.sig)]:
            return problem(403, "The signature has expired.")
        return Says(308, b"", {"Location": f"{self.url}/content/{found.id}-0.png"})

    def _renewed(self, call: Call) -> Says:
        found = self.workflows.get(call.path.split("/")[-2].removesuffix("-0.png"))
        if found is None:
            return problem(404, "There is no such blob.")
        return Says(200, self._image(found))
