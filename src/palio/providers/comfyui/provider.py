"""ComfyUI as a provider. A run has an id that Palio chose, `/queue` says where it is, and `/history` how it ended.

Sources: github Comfy-Org/ComfyUI v0.3.64, `server.py`, `execution.py` and `nodes.py`; its pull request 14493 for
`/api/jobs`.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from time import time
from typing import ClassVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from palio.contract.image.job import ImageJob
from palio.contract.json import Json, JsonObject
from palio.providers.base import Ambiguous, Assignment, Handle, Incapable, Made, NotAccepted, Progress
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.comfyui.control import NODES as CONTROL_NODES
from palio.providers.comfyui.control import PREPROCESSORS, UNION_TYPES, Control, given_inputs, hint_of
from palio.providers.comfyui.embedding import with_embedding
from palio.providers.comfyui.installed import Installed
from palio.providers.comfyui.news import News, listen
from palio.providers.comfyui.parts import LoraFile
from palio.providers.comfyui.recipes import Plan, graph_of
from palio.providers.hosted.account import Account
from palio.providers.hosted.orders import Form, Order, Request, Run, multipart
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, Test, has

LOOKS_AT_ONCE = 6
"""Questions at a time about what a server has."""
FOLDER = "palio"
"""Where inputs and outputs lie at the server."""
NODES = (
    *("CheckpointLoaderSimple", "UNETLoader", "CLIPLoader", "DualCLIPLoader", "VAELoader", "LoraLoader"),
    *("LoraLoaderModelOnly", "CLIPTextEncode", "CLIPSetLastLayer", "ConditioningZeroOut", "FluxGuidance"),
    *("ReferenceLatent", "TextEncodeQwenImageEditPlus", "FluxKontextMultiReferenceLatentMethod"),
    *("FluxKontextImageScale", "LoadImage", "VAEEncode", "EmptyLatentImage", "EmptySD3LatentImage"),
    *("EmptyFlux2LatentImage", "ModelSamplingAuraFlow", "CFGNorm", "CFGGuider", "BasicGuider", "RandomNoise"),
    *CONTROL_NODES,
    *("KSamplerSelect", "Flux2Scheduler", "SamplerCustomAdvanced", "KSampler", "VAEDecode", "SaveImage"),
)
"""The classes that recipes use."""


def _ids(entries: Sequence[Json]) -> list[Json]:
    """The ids of the prompts in a part of the queue, first things first."""
    known = [entry for entry in entries if isinstance(entry, list) and len(entry) > 1]
    return [
        entry[1] for entry in sorted(known, key=lambda entry: entry[0] if isinstance(entry[0], (int, float)) else 0)
    ]


def _is_queue(reply: Reply) -> bool:
    return isinstance(reply.at("queue_running"), list) and isinstance(reply.at("queue_pending"), list)


def _is_running(reply: Reply) -> bool:
    return reply.about in _ids(reply.items("queue_running"))


def _is_pending(reply: Reply) -> bool:
    return reply.about in _ids(reply.items("queue_pending"))


def _events(reply: Reply) -> list[Json]:
    messages = reply.items(reply.about, "status", "messages")
    return [message[0] for message in messages if isinstance(message, list) and message]


def _has_ended(word: str) -> Test:
    return lambda reply: reply.text(reply.about, "status", "status_str") == word


class ComfyUI(QueueProvider):
    """Runs jobs at a ComfyUI server."""

    kind: ClassVar[str] = "comfyui"
    base_url: ClassVar[str] = "http://127.0.0.1:8188"
    key_variable: ClassVar[str | None] = None
    enquiry: ClassVar[str | None] = "queue"
    knows_our_id: ClassVar[bool] = True
    costs_nothing: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    # The queue shows the graph of everybody's prompt.
    max_answer_bytes: ClassVar[int] = 32 * 1024 * 1024
    signals: ClassVar[Sequence[Signal]] = (
        Signal("prompt_id", Meaning.accepted, SUCCESS, has("prompt_id"), {Phase.submit}),
        Signal("invalid graph", Meaning.invalid, {400}, has("error"), {Phase.submit}),
        Signal("queue_running", Meaning.running, SUCCESS, _is_running, {Phase.poll}),
        Signal("queue_pending", Meaning.queued, SUCCESS, _is_pending, {Phase.poll}),
        # A prompt moves from the queue to the history at once: what is in neither is gone.
        Signal("not in the queue", Meaning.done, SUCCESS, _is_queue, {Phase.poll}),
        Signal("success", Meaning.done, SUCCESS, _has_ended("success"), {Phase.result}),
        Signal(
            "interrupted",
            Meaning.canceled,
            SUCCESS,
            lambda reply: "execution_interrupted" in _events(reply),
            {Phase.result},
        ),
        Signal("execution_error", Meaning.failed, SUCCESS, _has_ended("error"), {Phase.result}),
        Signal("not in the history", Meaning.lost, SUCCESS, lambda reply: reply.json == {}, {Phase.result}),
        Signal("no longer running", Meaning.canceled, SUCCESS, phases={Phase.cancel}),
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._installed: Installed | None = None
        self._news: dict[str, News] = {}

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        installed = self._installed
        try:
            hints = ["" for _ in job.control_nets]
            plan = self._plan(model, job, job.width, job.height, [*job.images, *hints], "")
        except Incapable as error:
            return str(error)
        if installed is None:
            return None
        needed = {node["class_type"] for node in graph_of(model.recipe, plan).values() if isinstance(node, dict)}
        if missing := sorted(str(node) for node in needed if node not in installed.nodes):
            return f"needs the nodes {', '.join(missing)}, which {self.name} does not have"
        wanted = [
            *plan.files.items(),
            *(("lora", lora.name) for lora in plan.loras),
            *(("controlnet", control.file) for control in plan.controls),
        ]
        if gone := [file for kind, file in wanted if not installed.has(kind, file)]:
            return f"needs {', '.join(gone)}, which {self.name} does not have"
        return None

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        prefix = f"{FOLDER}/{assignment.attempt_id}"
        plan = self._plan(found.model, assignment.job, found.width, found.height, pictures, prefix)
        return graph_of(found.model.recipe, plan)

    async def sent_picture(self, data: bytes) -> str:
        """Uploaded under a name that is its content's, so that the same picture lies there once."""
        form = await asyncio.to_thread(_upload, data)
        try:
            reply = await self.exchange(Request("POST", "upload/image", form=form), 2 * self.account.limits.timeout)
        except Ambiguous as error:
            # A picture that lies there or not begins nothing.
            raise NotAccepted(str(error)) from error
        if reply.status != 200 or not (kept := reply.text("name")):
            raise NotAccepted(f"the picture could not be uploaded: {self.told(reply)}")
        folder = reply.text("subfolder")
        return f"{folder}/{kept}" if folder else kept

    def submission(self, order: Order) -> Request:
        id_ = _prompt_id(order.attempt_id)
        return Request("POST", "prompt", {"prompt": order.payload, "prompt_id": id_, "client_id": id_})

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        return Run(reply.text("prompt_id"), order.model.id, time())

    def question(self, run: Run) -> Request:
        return Request("GET", "queue", about=run.id)

    def progress(self, reply: Reply) -> Progress:
        pending = _ids(reply.items("queue_pending"))
        if reply.about not in pending:
            return Progress(self._news[reply.about].rate if reply.about in self._news else 0.0)
        return Progress(0.0, pending.index(reply.about) + len(reply.items("queue_running")))

    async def rest(self, run: Run, seconds: float) -> None:
        if (news := self._news.get(run.id)) is not None:
            await news.wait(seconds)
        else:
            await super().rest(run, seconds)

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        run = self.run_in(handle)
        news = self._news[run.id] = News(run.id)
        headers = {self.key_header: self.key_prefix + self.account.key} if self.account.key else {}
        listening = asyncio.create_task(listen(self.account.base_url, run.id, news, headers))
        last: Made | None = None
        try:
            async with aclosing(super().watch(handle, assignment)) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Made):
                        last = event
                        break
                    yield event
        finally:
            self._news.pop(run.id, None)
            listening.cancel()
            await asyncio.wait([listening])
        if last is not None:
            yield last

    def collection(self, run: Run, reply: Reply) -> Request | None:
        return Request("GET", f"history/{run.id}", about=run.id)

    def pictures(self, reply: Reply) -> Sequence[str]:
        outputs = reply.at(reply.about, "outputs")
        nodes = outputs if isinstance(outputs, dict) else {}
        images = [image for node in nodes for image in reply.items(reply.about, "outputs", node, "images")]
        return [f"view?{urlencode(_place(image))}" for image in images if isinstance(image, dict)]

    def cost(self, run: Run, reply: Reply) -> float | None:
        return self.account.price or 0.0

    def told(self, reply: Reply) -> str:
        """The node that failed and why, from the history of a run or the check of a graph."""
        for message in reply.items(reply.about, "status", "messages"):
            if isinstance(message, list) and len(message) > 1 and message[0] == "execution_error":
                error = message[1] if isinstance(message[1], dict) else {}
                what = f"{error.get('node_type')}: {error.get('exception_message')}"
                return f"{self.name}: {self.wire.clean(what)}"
        errors = reply.at("node_errors")
        if isinstance(errors, dict) and errors:
            node = next(iter(errors))
            where = reply.text("node_errors", node, "class_type")
            what = f"{where}: {reply.text('node_errors', node, 'errors', 0, 'details')}"
            return f"{self.name} cannot run {self.wire.clean(what)}"
        return super().told(reply)

    async def find(self, attempt_id: str) -> Handle | None:
        id_ = _prompt_id(attempt_id)
        queue = await self._known("queue", id_)
        is_there = _is_running(queue) or _is_pending(queue) or bool((await self._known(f"history/{id_}", id_)).json)
        return Run(id_, "", time()).handle if is_there else None

    async def cancel(self, handle: Handle) -> None:
        run = self.run_in(handle)
        reply = await self.exchange(Request("POST", f"api/jobs/{run.id}/cancel", about=run.id))
        if reply.status in (404, 405):
            reply = await self._cancel_at_an_older_server(run)
        self.judged(Phase.cancel, reply)

    async def _cancel_at_an_older_server(self, run: Run) -> Reply:
        """Out of the queue if it still waits; interrupted only if it is what runs: some servers stop whatever does."""
        reply = await self.exchange(Request("POST", "queue", {"delete": [run.id]}, about=run.id))
        if _is_running(await self._known("queue", run.id)):
            reply = await self.exchange(Request("POST", "interrupt", {"prompt_id": run.id}, about=run.id))
        return reply

    async def _known(self, address: str, about: str) -> Reply:
        """What the queue or the history says. Raises Ambiguous if it cannot be asked now."""
        reply = await self.exchange(Request("GET", address, about=about))
        if reply.status != 200 or not isinstance(reply.json, dict):
            raise Ambiguous(self.told(reply))
        return reply

    def _files(self, model: Model, job: ImageJob) -> Mapping[str, str]:
        """The files that a model is made of for a job. Raises Incapable for one that nobody knows."""
        files = {kind: self._file(kind, job.model) if file == "*" else file for kind, file in model.files.items()}
        return files | {part: self._file(part, air) for part, air in job.components.items()}

    def _loras(self, job: ImageJob) -> Sequence[LoraFile]:
        return [LoraFile(self._file("lora", lora.air), lora.strength) for lora in job.loras]

    def _file(self, kind: str, air: str) -> str:
        installed = self._installed or Installed({}, {})
        if file := installed.file_for(kind, air, self.account.files):
            return file
        raise Incapable(f"has no file for {air}; [providers.{self.name}.files] can name one")

    def _controls(self, model: Model, job: ImageJob) -> Sequence[Control]:
        """A job's ControlNets. Raises Incapable for one that the server cannot do exactly."""
        side = min(job.width, job.height)
        controls: list[Control] = []
        for nth, net in enumerate(job.control_nets):
            hint = hint_of(net)
            if (file := model.control_nets.get(hint.kind)) is None:
                raise Incapable(f"takes no ControlNet that {hint.kind} leads")
            if self._installed is None:
                raise Incapable(f"takes no ControlNets yet: {self.name} has not said which nodes it has")
            # Those of Flux 1 need not be told.
            is_union = model.family == "sdxl" and "union" in file.lower()
            union = UNION_TYPES.get(hint.kind) if is_union else None
            given = given_inputs(self._installed.nodes.get(hint.node, {}), side)
            controls.append(Control(net, file, union, hint.node, given, nth))
        return controls

    def _worded(self, job: ImageJob) -> ImageJob:
        """A job whose prompts load its embeddings. Raises Incapable."""
        prompts = [job.prompt, job.negative_prompt]
        for air in job.embeddings:
            prompts = with_embedding(self._file("embedding", air), prompts)
        return msgspec.structs.replace(job, prompt=prompts[0], negative_prompt=prompts[1])

    def _plan(self, model: Model, job: ImageJob, width: int, height: int, pictures: Sequence[str], prefix: str) -> Plan:
        """What a recipe needs for a job. Raises Incapable."""
        samplers = model.sampler.words if model.sampler is not None else {}
        schedulers = model.scheduler.words if model.scheduler is not None else {}
        return Plan(
            job=self._worded(job),
            width=width,
            height=height,
            files=self._files(model, job),
            loras=self._loras(job),
            pictures=pictures[: len(job.images)],
            sampler=samplers.get(job.sampler or "", str(model.extra["sampler"])),
            scheduler=schedulers.get(job.scheduler or "", str(model.extra["scheduler"])),
            prefix=prefix,
            controls=self._controls(model, job),
            hints=pictures[len(job.images) :],
        )

    async def look(self) -> None:
        # Where it cannot be asked, offers go on from what was known, or from the hope that everything is there.
        schemas = await self._schemas(NODES)
        embeddings = await self.exchange(Request("GET", "embeddings"))
        if Installed.read(schemas).files["controlnet"]:
            schemas |= await self._schemas(sorted({hint.node for hint in PREPROCESSORS.values()}))
        self._installed = Installed.read(schemas, embeddings.json if embeddings.status == 200 else None)

    async def _schemas(self, nodes: Sequence[str]) -> dict[str, Json]:
        """What the server says of nodes, by class. Raises Ambiguous if it does not answer for each."""
        places = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def schema(node: str) -> Json:
            async with places:
                return (await self._known(f"object_info/{node}", "")).at(node)

        try:
            async with asyncio.TaskGroup() as group:
                asked = {node: group.create_task(schema(node)) for node in nodes}
        except ExceptionGroup as trouble:
            # One is like the other, and who looks wants one.
            raise trouble.exceptions[0] from None
        return {node: answer.result() for node, answer in asked.items()}


def _upload(picture: bytes) -> Form:
    """The form that uploads a picture."""
    fields = {"overwrite": "true", "type": "input", "subfolder": FOLDER}
    return multipart(fields, [("image", f"{hashlib.sha256(picture).hexdigest()[:32]}.png", picture)])


def _prompt_id(attempt_id: str) -> str:
    """An attempt's id as servers want a prompt's."""
    return str(UUID(hex=attempt_id))


def _place(image: Mapping[str, Json]) -> dict[str, str]:
    return {name: str(image.get(name, "")) for name in ("filename", "subfolder", "type")}
