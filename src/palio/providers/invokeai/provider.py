"""InvokeAI as a provider. A run is an item of the server's queue, put there under an id that Palio chose.

Source: PyPI `invokeai` 6.14.2, `app/api/routers/{session_queue,images,model_manager}.py`.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from time import time
from typing import ClassVar
from urllib.parse import quote

from palio.contract.image.job import ImageJob
from palio.contract.json import Json, JsonObject
from palio.providers.base import Ambiguous, Assignment, Handle, Incapable, NotAccepted
from palio.providers.catalog.fitting import Fit, sampling_of
from palio.providers.catalog.model import Model
from palio.providers.hosted.account import Account
from palio.providers.hosted.orders import Form, Order, Request, Run, multipart
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import FOLLOWING, SUCCESS, Meaning, Phase, Reply, Signal, has, matches, says
from palio.providers.invokeai.models import Entry, Models
from palio.providers.invokeai.recipes import Plan, graph_of

QUEUE = "api/v1/queue/default"
ORIGIN = "palio"
IN_THE_MAIN_MODEL = {"flux2-dev", "flux2-klein", "z-image", "qwen"}
"""Recipes whose loader takes parts that are not named from the main model, where that is a whole pipeline."""
OWN_SYNTAX = re.compile(r"(?<!\\)[()]|[\w\"'][+-]+(?=[\s,.]|$)|<[^<>\s]+>")
"""What the server reads in prompts of SD 1.x and SDXL in a way of its own: weights and embeddings."""
HAS_OWN_SYNTAX = {"sd1", "sdxl"}


def _is_full(reply: Reply) -> bool:
    return reply.at("enqueued") == 0 and reply.number("requested") is not None


class InvokeAI(QueueProvider):
    """Runs jobs at an InvokeAI server."""

    kind: ClassVar[str] = "invokeai"
    base_url: ClassVar[str] = "http://127.0.0.1:9090"
    key_variable: ClassVar[str | None] = None
    enquiry: ClassVar[str | None] = f"{QUEUE}/status"
    knows_our_id: ClassVar[bool] = True
    costs_nothing: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    # A server may have thousands of models, and tells everything about each.
    max_answer_bytes: ClassVar[int] = 32 * 1024 * 1024
    signals: ClassVar[Sequence[Signal]] = (
        Signal("item_ids", Meaning.accepted, SUCCESS, has("item_ids"), {Phase.submit}),
        Signal("queue is full", Meaning.overloaded, SUCCESS, _is_full, {Phase.submit}),
        Signal("images are being moved", Meaning.overloaded, {409}, phases={Phase.submit}),
        Signal("invalid graph", Meaning.invalid, {422}, has("detail"), {Phase.submit}),
        Signal("pending", Meaning.queued, SUCCESS, says("pending", "status"), {Phase.poll}),
        Signal("in_progress", Meaning.running, SUCCESS, says("in_progress", "status"), {Phase.poll}),
        Signal("waiting", Meaning.running, SUCCESS, says("waiting", "status"), {Phase.poll}),
        Signal("completed", Meaning.done, SUCCESS, says("completed", "status"), {Phase.poll}),
        Signal("failed", Meaning.failed, SUCCESS, says("failed", "status"), {Phase.poll}),
        Signal("canceled", Meaning.canceled, SUCCESS, says("canceled", "status"), {Phase.poll}),
        Signal("no such item", Meaning.lost, {404}, matches("^Queue item .* not found", "detail"), FOLLOWING),
        Signal("no longer running", Meaning.canceled, SUCCESS, has("status"), {Phase.cancel}),
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._models: Models | None = None

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        if model.recipe in HAS_OWN_SYNTAX and (odd := OWN_SYNTAX.search(f"{job.prompt}\n{job.negative_prompt}")):
            return f"reads {odd[0]!r} in a prompt in a way of its own"
        if self._models is None:
            return None
        try:
            self._parts(self._models, model, job)
            self._loras(self._models, job)
        except Incapable as error:
            return str(error)
        return None

    async def order(self, assignment: Assignment) -> Order:
        if self._models is None:
            # Nodes name models by keys that only the server knows.
            try:
                await self.look()
            except Ambiguous as error:
                raise NotAccepted(str(error)) from error
        return await super().order(assignment)

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        job, model = assignment.job, found.model
        models = self._models or Models(())
        words = model.sampling.words if model.sampling is not None else {}
        plan = Plan(
            job=job,
            width=found.width,
            height=found.height,
            models=self._parts(models, model, job),
            loras=self._loras(models, job),
            pictures=pictures,
            scheduler=words.get(sampling_of(job), str(model.extra.get("scheduler", ""))),
        )
        return graph_of(model.recipe, plan, assignment.attempt_id)

    async def sent_picture(self, data: bytes) -> str:
        form = await asyncio.to_thread(_upload, data)
        url = "api/v1/images/upload?image_category=general&is_intermediate=true"
        try:
            reply = await self.exchange(Request("POST", url, form=form), 2 * self.account.limits.timeout)
        except Ambiguous as error:
            # A picture that lies there or not begins nothing.
            raise NotAccepted(str(error)) from error
        if reply.status != 201 or not (kept := reply.text("image_name")):
            raise NotAccepted(f"the picture could not be uploaded: {self.told(reply)}")
        return kept

    def submission(self, order: Order) -> Request:
        batch: JsonObject = {
            "batch_id": order.attempt_id,
            "origin": ORIGIN,
            "destination": _destination(order.attempt_id),
            "graph": order.payload,
            "runs": 1,
        }
        return Request("POST", f"{QUEUE}/enqueue_batch", {"prepend": False, "batch": batch})

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        item = reply.at("item_ids", 0)
        return Run(str(item), order.model.id, time()) if isinstance(item, int) else None

    def question(self, run: Run) -> Request:
        return Request("GET", f"{QUEUE}/i/{run.id}")

    def pictures(self, reply: Reply) -> Sequence[str]:
        results = reply.at("session", "results")
        shown = [reply.text("session", "results", node, "image", "image_name") for node in _names(results)]
        return [f"api/v1/images/i/{quote(name, safe='')}/full" for name in shown if name]

    def cancellation(self, run: Run) -> Request | None:
        return Request("PUT", f"{QUEUE}/i/{run.id}/cancel")

    def cost(self, run: Run, reply: Reply) -> float | None:
        return self.account.price or 0.0

    def told(self, reply: Reply) -> str:
        """What failed in a run, or the first thing that is wrong with a graph."""
        if kind := reply.text("error_type"):
            what = f"{kind}: {reply.text('error_message')}"
            return f"{self.name}: {self.wire.clean(what)}"
        if wrong := reply.text("detail", 0, "msg"):
            where = ".".join(str(step) for step in reply.items("detail", 0, "loc"))
            return f"{self.name} cannot run {self.wire.clean(f'{where}: {wrong}')}"
        return super().told(reply)

    async def find(self, attempt_id: str) -> Handle | None:
        destination = _destination(attempt_id)
        reply = await self.exchange(Request("GET", f"{QUEUE}/list_all?destination={destination}"))
        if reply.status != 200 or not isinstance(reply.json, list):
            raise Ambiguous(self.told(reply))
        ours = [item for item in reply.json if isinstance(item, dict) and item.get("destination") == destination]
        if not ours:
            return None
        return Run(str(ours[0].get("item_id")), "", time()).handle

    def _parts(self, models: Models, model: Model, job: ImageJob) -> Mapping[str, Entry]:
        """The models that a model of the catalog is made of for a job. Raises Incapable for one that is not there."""
        main = self._main(models, model, job)
        parts = {"main": main}
        is_whole = main.format == "diffusers" and model.recipe in IN_THE_MAIN_MODEL
        for part, name in model.files.items():
            if part == "main" or is_whole:
                continue
            if not (found := models.named(part, model.family, name)):
                raise Incapable(f"needs {_described(part, name)}, which {self.name} does not have")
            parts[part] = found[0]
        return parts | {part: self._for_air(models, part, job.family, air) for part, air in job.components.items()}

    def _main(self, models: Models, model: Model, job: ImageJob) -> Entry:
        name = model.files["main"]
        if name == "*":
            return self._for_air(models, "main", model.family, job.model)
        found = models.named("main", model.family, name)
        if not found:
            raise Incapable(f"needs {_described('main', name)}, which {self.name} does not have")
        if len(found) > 1:
            # Which of them is the one that jobs mean, and which is made from it, only the operator knows.
            table = f"[providers.{self.name}.models.{model.id}.files]"
            raise Incapable(f"has {len(found)} of {_described('main', name)}; {table} can name one as main")
        return found[0]

    def _loras(self, models: Models, job: ImageJob) -> Sequence[tuple[Entry, float]]:
        return [(self._for_air(models, "lora", job.family, lora.air), lora.strength) for lora in job.loras]

    def _for_air(self, models: Models, part: str, family: str, air: str) -> Entry:
        if found := models.for_air(part, family, air, self.account.files):
            return found
        raise Incapable(f"has no model for {air}; [providers.{self.name}.files] can name one")

    async def look(self) -> None:
        reply = await self.exchange(Request("GET", "api/v2/models/"))
        if reply.status != 200 or not isinstance(listed := reply.at("models"), list):
            raise Ambiguous(self.told(reply))
        self._models = await asyncio.to_thread(Models.read, listed)


def _upload(picture: bytes) -> Form:
    """The form that uploads a picture."""
    return multipart({}, [("file", "palio.png", picture)])


def _destination(attempt_id: str) -> str:
    """The name under which the item of an attempt can be found in the queue."""
    return f"{ORIGIN}-{attempt_id}"


def _names(results: Json) -> Sequence[str]:
    return list(results) if isinstance(results, dict) else []


def _described(part: str, name: str) -> str:
    if not name.startswith("?"):
        return name
    return f"a {part} model" if name == "?" else f"a {part} model of the variant {name[1:]}"
