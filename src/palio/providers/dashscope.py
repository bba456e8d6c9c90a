"""Alibaba's Model Studio, by its API DashScope. Some models take a job as a task that is asked about later; most answer
with where the picture is. A failure comes with any status, 200 among them, and says in `code` what it is.

A task can be stopped until it runs. What failed is not billed.

Sources: alibabacloud.com/help/en/model-studio on Qwen-Image, its edits, Z-Image and error codes; docs.qwencloud.com on
tasks; PyPI `dashscope` 2.0.2.
"""

import re
from collections.abc import AsyncIterator, Sequence
from time import time
from typing import ClassVar

from palio.contract.json import JsonObject
from palio.providers.base import Assignment, Handle, Incapable, Made, Progress
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import ANY_STATUS, SUCCESS, Meaning, Phase, Reply, Signal, Test, has, says
from palio.providers.hosted.synchronous import PICTURE, SynchronousProvider
from palio.providers.wire import MAX_ANSWER_BYTES

TASK = "task"
"""The `recipe` of models that take jobs as tasks."""

_MODERATED = "^DataInspection|^IPInfringementSuspect"
_STATUS = ("output", "task_status")


def _code(pattern: str) -> Test:
    """Whether an answer is an error with a code like this."""
    compiled = re.compile(pattern)
    return lambda reply: compiled.search(reply.text("code")) is not None


def _ended_with(pattern: str) -> Test:
    """Whether a task is over without a picture, and that or its picture has a code like this."""
    compiled = re.compile(pattern)

    def test(reply: Reply) -> bool:
        codes = (reply.text("output", "code"), reply.text("output", "results", 0, "code"))
        return reply.text(*_STATUS) in ("FAILED", "SUCCEEDED") and any(compiled.search(code) for code in codes)

    return test


def _picture(reply: Reply) -> str:
    """Where the picture of an answer or of a task is; empty if there is none."""
    for part in reply.items("output", "choices", 0, "message", "content"):
        # A prompt that was rewritten stands beside it.
        if isinstance(part, dict) and isinstance(url := part.get("image"), str):
            return url
    return reply.text("output", "results", 0, "url")


def _succeeded(reply: Reply) -> bool:
    return reply.text(*_STATUS) == "SUCCEEDED" and bool(_picture(reply))


class DashScope(QueueProvider, SynchronousProvider):
    """Runs jobs on DashScope: as tasks where a model takes them so, and so that it can be stopped."""

    kind: ClassVar[str] = "dashscope"
    base_url: ClassVar[str] = "https://dashscope-intl.aliyuncs.com/api/v1"
    key_variable: ClassVar[str | None] = "DASHSCOPE_API_KEY"
    enquiry: ClassVar[str | None] = "tasks/?page_size=1"
    answer_seconds: ClassVar[float] = 300.0
    # It takes 20 requests a second about all tasks of an account.
    questions_a_second: ClassVar[float] = 15.0
    max_answer_bytes: ClassVar[int] = MAX_ANSWER_BYTES
    signals: ClassVar[Sequence[Signal]] = (
        Signal("task_id", Meaning.accepted, SUCCESS, has("output", "task_id"), {Phase.submit}),
        Signal("picture", Meaning.done, SUCCESS, lambda reply: bool(_picture(reply)), {Phase.submit}),
        Signal("PENDING", Meaning.queued, SUCCESS, says("PENDING", *_STATUS), {Phase.poll}),
        Signal("SUSPENDED", Meaning.queued, SUCCESS, says("SUSPENDED", *_STATUS), {Phase.poll}),
        Signal("RUNNING", Meaning.running, SUCCESS, says("RUNNING", *_STATUS), {Phase.poll}),
        Signal("SUCCEEDED", Meaning.done, SUCCESS, _succeeded, {Phase.poll}),
        Signal("FAILED, moderated", Meaning.refused, SUCCESS, _ended_with(_MODERATED), {Phase.poll}),
        Signal("FAILED, bad input", Meaning.invalid, SUCCESS, _ended_with("^Invalid"), {Phase.poll}),
        Signal("FAILED", Meaning.failed, SUCCESS, says("FAILED", *_STATUS), {Phase.poll}),
        Signal("SUCCEEDED without a picture", Meaning.failed, SUCCESS, says("SUCCEEDED", *_STATUS), {Phase.poll}),
        Signal("CANCELED", Meaning.canceled, SUCCESS, says("CANCELED", *_STATUS), {Phase.poll}),
        # Of a task that has expired, after a day.
        Signal("UNKNOWN", Meaning.lost, SUCCESS, says("UNKNOWN", *_STATUS), {Phase.poll}),
        Signal("canceled", Meaning.canceled, SUCCESS, lambda reply: not reply.text("code"), {Phase.cancel}),
        Signal("UnsupportedOperation", Meaning.invalid, ANY_STATUS, _code("^UnsupportedOperation"), {Phase.cancel}),
        # What is said of a request, whatever its status.
        Signal("DataInspectionFailed", Meaning.refused, ANY_STATUS, _code(_MODERATED), {Phase.submit}),
        Signal("Arrearage", Meaning.unfunded, ANY_STATUS, _code("^Arrearage|Overdue|FreeTierOnly"), {Phase.submit}),
        Signal("no access to the model", Meaning.invalid, ANY_STATUS, _code(r"^Model\.AccessDenied"), {Phase.submit}),
        Signal("InvalidApiKey", Meaning.key_refused, ANY_STATUS, _code("^InvalidApiKey|^AccessDenied"), {Phase.submit}),
        Signal("Throttling", Meaning.rate_limited, ANY_STATUS, _code("^Throttling"), {Phase.submit}),
        Signal("ModelUnavailable", Meaning.overloaded, ANY_STATUS, _code("^ModelUnavailable"), {Phase.submit}),
        # It had the request, and gave up on it.
        Signal("RequestTimeOut", Meaning.unanswered, ANY_STATUS, _code("^RequestTimeOut"), {Phase.submit}),
        Signal("InternalError", Meaning.failed, ANY_STATUS, _code("^InternalError"), {Phase.submit}),
        Signal("Invalid", Meaning.invalid, ANY_STATUS, _code("^Invalid|^ModelNotFound"), {Phase.submit}),
        Signal("another code", Meaning.failed, SUCCESS, has("code"), {Phase.submit}),
    )

    async def start(self, assignment: Assignment) -> Handle:
        found = self.fit(assignment.job)
        if isinstance(found, str):
            raise Incapable(found)
        return await _way(found.model.recipe == TASK).start(self, assignment)

    def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        return _way(self._is_task(handle)).watch(self, handle, assignment)

    async def cancel(self, handle: Handle) -> None:
        await _way(self._is_task(handle)).cancel(self, handle)

    def submission(self, order: Order) -> Request:
        parameters = dict(order.payload)
        prompt, pictures = parameters.pop("prompt"), parameters.pop("images", [])
        body: JsonObject = {"model": order.model.id, "parameters": parameters}
        if order.model.recipe == TASK:
            headers = {"X-DashScope-Async": "enable"}
            body["input"] = {"prompt": prompt}
            return Request("POST", "services/aigc/text2image/image-synthesis", body, headers)
        content = [{"image": picture} for picture in pictures] if isinstance(pictures, list) else []
        body["input"] = {"messages": [{"role": "user", "content": [*content, {"text": prompt}]}]}
        return Request("POST", "services/aigc/multimodal-generation/generation", body)

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        id_ = reply.text("output", "task_id")
        return Run(id_, order.model.id, time()) if id_ else None

    def question(self, run: Run) -> Request:
        return Request("GET", f"tasks/{run.id}")

    def pictures(self, reply: Reply) -> Sequence[str]:
        return [_picture(reply)]

    def cancellation(self, run: Run) -> Request | None:
        return Request("POST", f"tasks/{run.id}/cancel")

    def told(self, reply: Reply) -> str:
        error = reply.text("output", "message") or reply.text("output", "results", 0, "message")
        return f"{self.name}: {self.wire.clean(error)}" if error else super().told(reply)

    def _is_task(self, handle: Handle) -> bool:
        return PICTURE not in self.run_in(handle).urls


def _way(is_task: bool) -> type[QueueProvider] | type[SynchronousProvider]:
    return QueueProvider if is_task else SynchronousProvider
