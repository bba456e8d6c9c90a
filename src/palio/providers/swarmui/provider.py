"""SwarmUI as a provider. A run is a session of its own, in which one picture is asked for and waited for.

    start    models, parameters -> session
    watch    [interrupt what another process asked for in it ->] picture
    cancel   interrupt the session, which is this run alone

A session outlives the process that opened it, and what is asked for in it costs nothing: a next process interrupts it
and asks again.

Source: github mcmonkeyprojects/SwarmUI @062407c7, its documentation of the API and of routes, and `src/Text2Image/`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace
from time import time
from typing import ClassVar, TypeVar
from urllib.parse import quote

from palio.contract.image.job import ImageJob
from palio.contract.json import JsonObject
from palio.providers.base import (
    Ambiguous,
    Assignment,
    Handle,
    Incapable,
    Lost,
    Made,
    NotAccepted,
    Progress,
    ProviderError,
    RunFailed,
)
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.hosted.account import Account
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.payload import payload_of
from palio.providers.hosted.provider import MAX_SENT_BYTES, HostedProvider
from palio.providers.hosted.signals import ANY_STATUS, SUCCESS, Meaning, Phase, Reply, Signal, has, matches, says
from palio.providers.swarmui.installed import Installed

T = TypeVar("T")

NO_PARAMETERS = {"session_id"}
"""Members of a request that are not among the parameters which the server lists."""
COMMANDS = re.compile(r"<\s*[A-Za-z][^<>]*>|\[[^\[\]]*\]|\{value\}")
"""What the server takes for a command in a prompt: `<random:a,b>`, `[a|b]`, and what stands for an earlier prompt."""


def _is_empty(reply: Reply) -> bool:
    return reply.at("images") == [] or matches("session interrupted", "error")(reply)


class SwarmUI(HostedProvider):
    """Runs jobs at a SwarmUI server."""

    kind: ClassVar[str] = "swarmui"
    base_url: ClassVar[str] = "http://127.0.0.1:7801"
    key_variable: ClassVar[str | None] = None
    key_header: ClassVar[str] = "Cookie"
    key_prefix: ClassVar[str] = "swarm_token="
    costs_nothing: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    # The picture is in the answer.
    max_answer_bytes: ClassVar[int] = 2 * MAX_SENT_BYTES
    signals: ClassVar[Sequence[Signal]] = (
        Signal("images", Meaning.done, SUCCESS, has("images"), {Phase.submit}),
        Signal("interrupted", Meaning.canceled, SUCCESS, _is_empty, {Phase.submit}),
        # The server was started anew. Nothing was begun.
        Signal("no such session", Meaning.lost, ANY_STATUS, says("invalid_session_id", "error_id")),
        Signal("bad_permissions", Meaning.key_refused, ANY_STATUS, says("bad_permissions", "error_id")),
        Signal("all are busy", Meaning.overloaded, SUCCESS, matches("^Timeout!|no backends available", "error")),
        Signal("no backend for it", Meaning.invalid, SUCCESS, matches("^No backends match", "error")),
        Signal("invalid value", Meaning.invalid, SUCCESS, matches("^Invalid ", "error")),
        Signal("error", Meaning.failed, {*SUCCESS, 400}, has("error"), {Phase.submit}),
        Signal("success", Meaning.canceled, SUCCESS, has("success"), {Phase.cancel}),
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._installed: Installed | None = None
        self._orders: dict[str, Order] = {}

    async def check(self) -> str | None:
        await self._begins_nothing(self._session())
        return f"{self.name} opens a session" + (" and takes the token" if self.account.key else "")

    # What is sent.

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        if command := COMMANDS.search(f"{job.prompt}\n{job.negative_prompt}"):
            return f"takes {command[0][:50]!r} in a prompt for a command"
        if (installed := self._installed) is None:
            return None
        try:
            body = self._body(installed, Fit(model, job.width, job.height, None, None), job, job.images)
        except Incapable as error:
            return str(error)
        if unknown := sorted(body.keys() - installed.parameters.keys() - NO_PARAMETERS):
            # It would pass over what it does not know.
            return f"needs {', '.join(unknown)}, which {self.name} does not know"
        for name in {"sampler", "scheduler"} & body.keys():
            if installed.parameters[name] and body[name] not in installed.parameters[name]:
                return f"needs the {name} {body[name]}, which {self.name} does not have"
        return None

    async def order(self, assignment: Assignment) -> Order:
        if self._installed is None:
            # Models are named as the server does, which takes a part of a name for another.
            await self._begins_nothing(self.look())
        return await super().order(assignment)

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        return self._body(self._installed or Installed({}, {}), found, assignment.job, pictures)

    def submission(self, order: Order) -> Request:
        return Request("POST", "API/GenerateText2Image", order.payload)

    def pictures(self, reply: Reply) -> Sequence[str]:
        shown = [image for image in reply.items("images") if isinstance(image, str)]
        return [image if image.startswith("data:") else quote(image, safe="/:%") for image in shown]

    def cost(self, run: Run, reply: Reply) -> float | None:
        return self.account.price or 0.0

    # Its run.

    async def start(self, assignment: Assignment) -> Handle:
        order = await self.order(assignment)
        run = Run(await self._begins_nothing(self._session()), order.model.id, time())
        self._orders[run.id] = order
        return run.handle

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        run = self.run_in(handle)
        order = self._orders.pop(run.id, None)
        if order is None:
            await self._interrupted(run)
            order = await self.order(assignment)
        asked = replace(order, payload={**order.payload, "session_id": run.id})
        yield Progress(0.0)
        try:
            reply = await self.submit(asked, self.account.limits.deadline)
        except (Ambiguous, RunFailed):
            # What nobody waits for any longer need not be made.
            with suppress(ProviderError):
                await self.cancel(handle)
            raise
        yield await self.made(run, self.picture(reply), self.paid(run, reply))

    async def cancel(self, handle: Handle) -> None:
        run = self.run_in(handle)
        self._orders.pop(run.id, None)
        self.judged(Phase.cancel, await self._interrupt(run))

    async def _interrupted(self, run: Run) -> None:
        """Have a session that another process opened make nothing. Raises Lost if it is gone."""
        reply = await self._begins_nothing(self._interrupt(run))
        if reply.text("error_id") == "invalid_session_id":
            raise Lost(f"{self.name} was started anew: {self.told(reply)}")
        self.judged(Phase.cancel, reply)

    async def _interrupt(self, run: Run) -> Reply:
        body: JsonObject = {"session_id": run.id, "other_sessions": False}
        return await self.exchange(Request("POST", "API/InterruptAll", body))

    async def _session(self) -> str:
        reply = await self.exchange(Request("POST", "API/GetNewSession", {}))
        if not (session := reply.text("session_id")):
            self.judged(Phase.submit, reply)
            raise NotAccepted(f"{self.name} opens no session: {self.told(reply)}")
        return session

    async def _begins_nothing(self, request: Awaitable[T]) -> T:
        """The answer to a request that makes no picture, so that no answer means NotAccepted."""
        try:
            return await request
        except Ambiguous as error:
            raise NotAccepted(str(error)) from error

    # What it has.

    def _body(self, installed: Installed, found: Fit, job: ImageJob, pictures: Sequence[str]) -> JsonObject:
        """The parameters of a picture. Raises Incapable for a model that is not there."""
        model = found.model
        body = payload_of(found, job, pictures)
        body["model"] = self._model(installed, model, job)
        for name, words, chosen in (
            ("sampler", model.sampler, job.sampler),
            ("scheduler", model.scheduler, job.scheduler),
        ):
            if words is not None and chosen is not None:
                body[name] = words.words[chosen]
        if job.clip_skip is not None:
            # Counted from the encoder's end.
            body["clipstopatlayer"] = -job.clip_skip
        if job.loras:
            body["loras"] = [self._for_air(installed, "lora", lora.air) for lora in job.loras]
            body["loraweights"] = [lora.strength for lora in job.loras]
        if vae := job.components.get("vae"):
            body["vae"] = self._for_air(installed, "vae", vae)
        if model.recipe == "flux2-dev" and job.engine != "flux2" and job.guidance is not None:
            # What the hosted engine calls guidance is an input of the model, what others call so is CFG.
            body |= {"cfgscale": job.guidance, "fluxguidancescale": 4.0}
        return body

    def _model(self, installed: Installed, model: Model, job: ImageJob) -> str:
        name = model.files["model"]
        if name == "*":
            return self._for_air(installed, "model", job.model)
        if found := installed.named("model", name):
            return found
        raise Incapable(f"needs {name}, which {self.name} does not have")

    def _for_air(self, installed: Installed, kind: str, air: str) -> str:
        found = installed.for_air(kind, air, self.account.files)
        if found is None:
            raise Incapable(f"has no file for {air}; [providers.{self.name}.files] can name one")
        if "," in found:
            raise Incapable(f"cannot be told of {found}, whose name has a comma")
        return found

    async def look(self) -> None:
        body: JsonObject = {"session_id": await self._session()}
        reply = await self.exchange(Request("POST", "API/ListT2IParams", body))
        if reply.status != 200 or not isinstance(reply.at("models"), dict):
            raise Ambiguous(self.told(reply))
        self._installed = await asyncio.to_thread(Installed.read, reply.json)
