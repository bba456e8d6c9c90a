"""The tools, done with the operations that every surface uses. Knows nothing of the protocol."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol, cast

import msgspec
from anyio import CancelScope

from palio.blobs.service import Blobs
from palio.contract.document import Blob, Page, Workflow, every_step
from palio.contract.instant import now, to_micros
from palio.contract.json import Json, JsonObject
from palio.contract.problem import problem_document
from palio.contract.query import Cursor
from palio.contract.status import FAILED, Status
from palio.engine.outlook import Outlook
from palio.engine.reading import as_read
from palio.engine.service import WorkflowService
from palio.errors import BadRequest, Problem
from palio.store.files import Files, KeptFile
from palio.store.workflows import Filter, Stored
from palio.surfaces.mcp import arguments as read
from palio.surfaces.mcp import report
from palio.surfaces.mcp.addresses import blob_at
from palio.surfaces.mcp.arguments import Submission
from palio.surfaces.mcp.catalog import Action

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1
"""How fresh progress is, for who asks for it."""

MOST_BEFORE_THE_END = 0.99
"""Progress has to grow with each notification, so the last step is left for the end."""

MAX_PREVIEWS = 4
MAX_PREVIEW_BYTES = 384 * 1024
"""Of all previews of an answer together; clients bound what they read, some at 1 MiB, and Base64 adds a third."""

MAX_PAGE_BYTES = 512 * 1024
"""Of the workflows on a page; a longer page ends there, and its cursor goes on from there."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `base_url` is what URLs of this server begin with, as the caller can reach it."""

    account: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of an image."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gives: text for a model, the document for a program, previews, and the images themselves."""

    text: str
    document: JsonObject
    is_error: bool = False
    previews: tuple[Preview, ...] = ()
    images: tuple[Blob, ...] = ()


class Listener(Protocol):
    """Who hears how a call comes along."""

    @property
    def is_listening(self) -> bool:
        """Whether anybody asked for progress."""

    async def progress(self, share: float, message: str) -> None:
        """Progress from 0 to 1."""


class Tools:
    """Calls of tools, each on behalf of a caller. `max_wait` is in seconds."""

    def __init__(self, service: WorkflowService, blobs: Blobs, files: Files, max_wait: int) -> None:
        self.service = service
        self.max_wait = max_wait
        self._blobs = blobs
        self._files = files
        self._is_stopping = False

    def stop(self) -> None:
        """The server stops: calls that wait end now, and what they wait for goes on after the next start."""
        self._is_stopping = True

    async def call(self, action: Action, sent: Mapping[str, object], caller: Caller, listener: Listener) -> Answer:
        """Do what a tool does. What cannot be done is an answer too."""
        try:
            return await self._call(action, read.read_arguments(sent), caller, listener)
        except Problem as problem:
            return _refused(problem)
        except Exception:
            log.exception("%s failed", action)
            return _refused(Problem("the server could not do this; its log says why"))

    async def _call(self, action: Action, arguments: JsonObject, caller: Caller, listener: Listener) -> Answer:
        match action:
            case Action.generate:
                return await self._submit(read.read_generate(arguments, self.max_wait), caller, listener)
            case Action.submit:
                return await self._submit(read.read_submit(arguments, self.max_wait), caller, listener)
            case Action.get:
                return await self._get(read.read_lookup(arguments, self.max_wait), caller, listener)
            case Action.query:
                return await self._query(read.read_search(arguments), caller)
            case Action.cancel:
                return await self._cancel(read.read_cancellation(arguments), caller)

    async def _submit(self, submission: Submission, caller: Caller, listener: Listener) -> Answer:
        try:
            stored = await self._submitted(submission, caller, listener)
        except BadRequest as problem:
            raise submission.as_written(problem) from None
        answer = await self._answer(stored, caller, previews=True)
        return replace(answer, is_error=stored.document.status in FAILED)

    async def _submitted(self, submission: Submission, caller: Caller, listener: Listener) -> Stored:
        template = await self._with_own_images(submission.template, caller)
        # An ephemeral workflow shows its end to nobody but the request that submitted it.
        held = submission.wait if template.get("ephemeral") is True else 0
        # Given up halfway, a submission would leave a workflow behind whose id nobody has.
        with CancelScope(shield=not held):
            stored = await self.service.submit(caller.account, template, wait=held, whatif=submission.whatif)
        if submission.whatif or held or not submission.wait:
            return stored
        try:
            return await self._follow(stored, submission.wait, listener)
        except asyncio.CancelledError:
            # Who waited for the end and waits no more does not want it; a server that stops has no say in that.
            if not self._is_stopping:
                with CancelScope(shield=True):
                    await self._stop_workflow(caller, stored.id)
            raise

    async def _get(self, lookup: read.Lookup, caller: Caller, listener: Listener) -> Answer:
        stored = await self.service.get(caller.account, lookup.workflow_id)
        stored = await self._follow(stored, lookup.wait, listener)
        return await self._answer(stored, caller, previews=lookup.previews)

    async def _query(self, search: read.Search, caller: Caller) -> Answer:
        wanted = Filter(
            account=caller.account, take=search.take, after=search.after, status=search.status, tags=search.tags
        )
        found, following = await self.service.query(wanted)
        items: list[Workflow] = []
        documents: list[Json] = []
        size = 0
        for stored in found:
            workflow = self.as_read(stored, caller)
            document = report.shortened_object(_plain(workflow))
            size += len(msgspec.json.encode(document))
            if items and size > MAX_PAGE_BYTES:
                last = items[-1]
                following = Cursor(to_micros(last.created_at), last.id or "")
                break
            items.append(workflow)
            documents.append(document)
        page = Page(items=items, next=following.encode() if following is not None else None)
        return Answer(report.describe_page(page), {"items": documents, **({"next": page.next} if page.next else {})})

    async def _cancel(self, cancellation: read.Cancellation, caller: Caller) -> Answer:
        before = await self.service.get(caller.account, cancellation.workflow_id)
        was_over = before.document.status.is_final
        if not was_over:
            await self._stop_workflow(caller, before.id)
        stored = await self.service.get(caller.account, before.id)
        if cancellation.delete:
            await self.service.delete(caller.account, before.id)
        workflow = self.as_read(stored, caller)
        text = report.describe_cancellation(workflow, was_over, cancellation.delete)
        return Answer(text, report.shortened_object(_plain(workflow)))

    async def _stop_workflow(self, caller: Caller, workflow_id: str) -> None:
        await self.service.update(caller.account, workflow_id, {"status": Status.canceled.value})

    async def _follow(self, stored: Stored, wait: int, listener: Listener) -> Stored:
        """The workflow when it is over, or after `wait` seconds."""
        end = monotonic() + wait
        told = -1.0
        while not stored.document.status.is_final and (left := end - monotonic()) > 0 and not self._is_stopping:
            pause = max(1, min(PROGRESS_SECONDS, round(left))) if listener.is_listening else max(1, round(left))
            stored = await self.service.get(stored.account, stored.id, wait=pause)
            if listener.is_listening and (share := self._share(stored)) > told:
                told = share
                await listener.progress(share, f"{stored.id}: {stored.document.status}")
        return stored

    def _share(self, stored: Stored) -> float:
        jobs = [job for step in every_step(stored.document.steps) for job in step.jobs or ()]
        if stored.document.status.is_final or not jobs:
            return report.done_share(stored.document)
        outlook = self.service.orchestrator.outlook(stored.id)
        rates = [1.0 if job.status.is_final else _share(outlook.get(job.id)) for job in jobs]
        return min(round(sum(rates) / len(rates), 3), MOST_BEFORE_THE_END)

    def as_read(self, stored: Stored, caller: Caller) -> Workflow:
        """A workflow as its owner reads it now. Changes and returns the document."""
        outlook: Mapping[str, Outlook] = {}
        if not stored.document.status.is_final:
            outlook = self.service.orchestrator.outlook(stored.id)
        return as_read(stored.document, self._blobs.signer, caller.base_url, outlook=outlook, hide_mature=False)

    def document(self, stored: Stored, caller: Caller) -> JsonObject:
        """The same as plain JSON, without the images that were sent in it."""
        return report.shortened_object(_plain(self.as_read(stored, caller)))

    async def file(self, blob_id: str, caller: Caller) -> KeptFile | None:
        """The record of one of the caller's own blobs."""
        file = await self._files.load(blob_id)
        return file if file is not None and file.account == caller.account else None

    async def content(self, blob_id: str) -> bytes | None:
        """The bytes of a blob."""
        content = await self._blobs.read(blob_id)
        return None if content is None else content.data

    async def _answer(self, stored: Stored, caller: Caller, *, previews: bool) -> Answer:
        workflow = self.as_read(stored, caller)
        images = report.step_images(workflow)
        shown = await self._previews(images) if previews else ()
        return Answer(
            report.describe(workflow),
            report.shortened_object(_plain(workflow)),
            previews=shown,
            images=tuple(images),
        )

    async def _previews(self, images: list[Blob]) -> tuple[Preview, ...]:
        shown: list[Preview] = []
        for blob in images[:MAX_PREVIEWS]:
            content = await self._blobs.read(blob.id, preview=True)
            if content is None or sum(len(one.data) for one in shown) + len(content.data) > MAX_PREVIEW_BYTES:
                break
            shown.append(Preview(content.data, content.media_type))
        return tuple(shown)

    async def _with_own_images(self, template: JsonObject, caller: Caller) -> JsonObject:
        """The template with addresses of the caller's blobs replaced by URLs that can be fetched."""
        found = dict(template)
        if isinstance(steps := template.get("steps"), list):
            found["steps"] = await self._with_own(steps, "steps", caller, _holds_images)
        if isinstance(arguments := template.get("arguments"), dict):
            found["arguments"] = await self._with_own(arguments, "arguments", caller, _anything)
        return found

    async def _with_own(self, value: Json, at: str, caller: Caller, enter: Callable[[str, Json], bool]) -> Json:
        """The value, with addresses replaced in the members that `enter` says."""
        if isinstance(value, str) and (blob_id := blob_at(value)) is not None:
            if await self.file(blob_id, caller) is None:
                raise BadRequest.at(at, f"there is no blob {blob_id!r}")
            return self._blobs.url(caller.base_url, blob_id, now())[0]
        if isinstance(value, list):
            return [await self._with_own(item, f"{at}[{index}]", caller, enter) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                name: await self._with_own(item, f"{at}.{name}", caller, enter) if enter(name, item) else item
                for name, item in value.items()
            }
        return value


def _share(outlook: Outlook | None) -> float:
    """How much of a job is done; of one that is only being prepared, nothing."""
    return 0.0 if outlook is None or outlook.is_preparing else outlook.rate or 0.0


def _holds_images(name: str, value: Json) -> bool:
    """Members with images, and what leads to them; a prompt that looks like an address stays as it is."""
    is_list_of_objects = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return name in ("image", "images", "sourceImage") or isinstance(value, dict) or is_list_of_objects


def _anything(_name: str, _value: Json) -> bool:
    """Nobody knows yet which argument becomes an image; one that is the whole address of a blob is meant as one."""
    return True


def _refused(problem: Problem) -> Answer:
    text = report.describe_problem(problem.detail, problem.errors)
    return Answer(text, problem_document(problem), is_error=True)


def _plain(workflow: Workflow) -> JsonObject:
    return cast(JsonObject, msgspec.json.decode(msgspec.json.encode(workflow)))
