"""Servers with the API of AUTOMATIC1111's web UI as a provider. A request is answered with its picture.

    start    job -> checkpoint, LoRAs, words -> request, held open by the provider
    watch    /internal/progress ... until the request is answered -> picture
    cancel   /internal/progress until it is ours that is made -> /sdapi/v1/interrupt

A server makes one picture at a time and lets other requests wait, so it is given one; Palio's queue is the better one.
The task that a request makes has the attempt's id, and only while the server says that this is the one it works on is
it told to interrupt, which stops whatever is made. A run that is lost with its process costs nothing, and is begun
again.

Sources: github AUTOMATIC1111/stable-diffusion-webui v1.10 and lllyasviel/stable-diffusion-webui-forge,
`modules/api/api.py`, `modules/progress.py`, `modules/processing.py` and `modules/sd_samplers_timesteps.py`;
vladmandic/sdnext, `modules/api`.
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from random import Random
from time import time
from typing import ClassVar

import msgspec

from palio.contract.image.job import ImageJob
from palio.contract.json import Json, JsonObject
from palio.providers.a1111.generation import Generation
from palio.providers.a1111.installed import Flavour, Installed, Weights
from palio.providers.a1111.prompting import can_be_said, misread, with_loras
from palio.providers.base import (
    Ambiguous,
    Assignment,
    Handle,
    Incapable,
    Lost,
    Made,
    Progress,
    ProviderError,
    RunFailed,
)
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.hosted.account import Account
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.pace import gap
from palio.providers.hosted.payload import payload_of
from palio.providers.hosted.provider import MAX_SENT_BYTES, HostedProvider
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, has

LISTS = ("sd-models", "samplers")
"""What every server lists, below `/sdapi/v1`."""
LISTS_OF_SOME = ("loras", "schedulers", "sd-modules", "sd-vae")
"""What some do: with 404 for an answer there is no such thing."""
ASK_EVERY = 0.25
"""Seconds between two questions whether a picture that is not wanted any more has its turn."""
LAST_MOMENT = 0.9
"""How far a picture has come that is not interrupted any more: what is stopped then might be the next one."""
TIMED = frozenset(("DDIM", "UniPC"))
"""Samplers that go by steps of their own, `TIMING`, whatever schedule a request names."""
TIMING = "ddim_uniform"
OVERALL = Request("GET", "sdapi/v1/progress?skip_current_image=true")
"""What the server does, whoever wanted it, and how the last picture ended."""


class WebUI(HostedProvider):
    """Runs jobs at a server with the API of AUTOMATIC1111's web UI."""

    kind: ClassVar[str] = "a1111"
    base_url: ClassVar[str] = "http://127.0.0.1:7860"
    key_variable: ClassVar[str | None] = None
    enquiry: ClassVar[str | None] = "sdapi/v1/samplers"
    costs_nothing: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    # An answer is the picture; and the list of LoRAs has all that was noted in them when they were trained.
    max_answer_bytes: ClassVar[int] = 2 * MAX_SENT_BYTES
    signals: ClassVar[Sequence[Signal]] = (
        Signal("images", Meaning.done, SUCCESS, has("images"), {Phase.submit}),
        Signal("no images", Meaning.canceled, SUCCESS, lambda reply: reply.at("images") == [], {Phase.submit}),
        Signal("error", Meaning.failed, {500}, has("error"), {Phase.submit}),
        Signal("interrupted", Meaning.canceled, SUCCESS, phases={Phase.cancel}),
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._random = Random()  # noqa: S311 - spreads requests, not a secret
        self.resumable = False
        self.concurrency = 1
        self._installed: Installed | None = None
        self._generations: dict[str, Generation] = {}

    async def close(self) -> None:
        try:
            for generation in [*self._generations.values()]:
                await generation.close()
        finally:
            await super().close()

    def credential(self, key: str) -> str:
        """`user:password`, as `--api-auth` has it."""
        return f"Basic {base64.b64encode(key.encode()).decode()}"

    # A job.

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        if (installed := self._installed) is None:
            # A file that is not there is replaced or left out without a word: nothing is begun in the dark.
            return f"cannot be offered before {self.name} has said what it has"
        if model.recipe == "flux1" and installed.flavour is not Flavour.forge:
            return f"needs Forge, which {self.name} is not"
        for text in (job.prompt, job.negative_prompt):
            if wrong := misread(text, job.engine):
                return f"would read {wrong}"
        for words, value, known in (
            (model.sampler, job.sampler, installed.samplers),
            (model.scheduler, job.scheduler, installed.schedulers),
        ):
            word = words.words.get(value or "") if words is not None else None
            if word is not None and word not in known:
                return f"needs {word}, which {self.name} does not have"
        sampler = model.sampler.words.get(job.sampler or "") if model.sampler is not None else None
        if sampler in TIMED and job.scheduler not in (None, TIMING):
            return f"would leave out the schedule {job.scheduler}, which {sampler} does not go by there"
        try:
            self._files(installed, model, job)
            self._loras(installed, job)
        except Incapable as error:
            return str(error)
        return None

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        job, installed = assignment.job, self._installed
        if installed is None:
            raise Incapable(f"{self.name} has not said what it has")
        body = payload_of(found, job, pictures)
        body["prompt"] = with_loras(job.prompt, self._loras(installed, job))
        files = self._files(installed, found.model, job)
        settings = body.get("override_settings")
        settings = settings if isinstance(settings, dict) else {}
        if installed.flavour is Flavour.sdnext and "CLIP_stop_at_last_layers" in settings:
            body["clip_skip"] = settings.pop("CLIP_stop_at_last_layers")
        # Settings stay as the last request left them, so that no checkpoint is loaded for nothing. Each request
        # therefore names all that it depends on.
        body["override_settings"] = {**settings, **_settings(installed.flavour, files)}
        body["override_settings_restore_afterwards"] = False
        body["force_task_id"] = assignment.attempt_id
        if installed.flavour is not Flavour.sdnext:
            # Left out, they are as somebody has set them at the server's page.
            body |= {"restore_faces": False, "tiling": False}
        return body

    def submission(self, order: Order) -> Request:
        address = "img2img" if order.job.images else "txt2img"
        return Request("POST", f"sdapi/v1/{address}", order.payload)

    def pictures(self, reply: Reply) -> Sequence[str]:
        images = [image for image in reply.items("images") if isinstance(image, str)]
        return [image if image.startswith("data:") else f"data:image/png;base64,{image}" for image in images]

    def told(self, reply: Reply) -> str:
        """The error and what it says, or which member of a request is wrong."""
        kind, places = reply.text("error"), reply.items("detail", 0, "loc")
        if not kind and not places:
            return super().told(reply)
        what = kind or ".".join(map(str, places))
        details = reply.text("detail") or reply.text("errors") or reply.text("detail", 0, "msg")
        return f"{self.name}: {self.wire.clean(f'{what}: {details}')}"

    # Its run.

    async def start(self, assignment: Assignment) -> Handle:
        order = await self.order(assignment)
        run = Run(order.attempt_id, order.model.id, time())
        generation = Generation(self._request(order, run), forget=lambda: self._generations.pop(run.id, None))
        self._generations[run.id] = generation
        return run.handle

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        run = self.run_in(handle)
        if (generation := self._generations.get(run.id)) is None:
            raise Lost(f"the picture was asked of {self.name} by a process that is gone")
        while not await generation.wait(gap(time() - run.began, None, self._random)):
            if (rate := await self._rate(run)) is not None:
                yield Progress(rate)
        reply = generation.reply()
        yield await self.made(run, self.picture(reply), self.paid(run, reply))

    async def cancel(self, handle: Handle) -> None:
        run = self.run_in(handle)
        if (generation := self._generations.get(run.id)) is not None:
            await generation.stop(lambda: self._stop(run, generation))

    def cost(self, run: Run, reply: Reply) -> float | None:
        return self.account.price or 0.0

    async def _request(self, order: Order, run: Run) -> Reply:
        """The answer with the picture. Raises ProviderError."""
        try:
            reply = await self.submit(order, self.account.limits.deadline)
        except (Ambiguous, RunFailed) as error:
            if isinstance(error, Ambiguous) or isinstance(error.__cause__, Ambiguous):
                # Nobody waits for the answer any more. A picture that went on would hold up those that are wanted.
                with suppress(ProviderError):
                    await self._is_interrupted(run)
            raise
        self._look_at_checkpoint(reply, order)
        await self._look_at_end()
        return reply

    async def _look_at_end(self) -> None:
        """Raises RunFailed if somebody stopped the last picture, which comes half done and says nothing of that."""
        try:
            reply = await self.exchange(OVERALL)
        except ProviderError:
            return
        if reply.at("state", "interrupted") is True or reply.at("state", "skipped") is True:
            raise RunFailed(f"somebody stopped the picture at {self.name}")

    def _look_at_checkpoint(self, reply: Reply, order: Order) -> None:
        """Raises RunFailed if another client had another checkpoint loaded at the wrong moment."""
        settings = order.payload["override_settings"]
        wanted = settings.get("sd_model_checkpoint") if isinstance(settings, dict) else None
        made_with = _stem_told(reply)
        there = self._installed.weights["checkpoint"].values() if self._installed is not None else ()
        others = {weights.stem for weights in there if weights.word != wanted}
        ours = {weights.stem for weights in there if weights.word == wanted}
        if made_with in others - ours:
            raise RunFailed(f"{self.name} made the picture with {self.wire.clean(made_with)} in place of {wanted}")

    async def _rate(self, run: Run) -> float | None:
        """How far a run is; None if the server does not say."""
        try:
            if (task := await self._task(run)) is not None:
                return _rate_of(task) if task.at("active") is True else None
            # What the whole server does, which is ours unless it is used by others too.
            return _rate_of(await self.exchange(OVERALL))
        except ProviderError:
            # It is the request itself that tells how the run ends.
            return None

    async def _task(self, run: Run) -> Reply | None:
        """What the server says of the task; None if it does not know tasks by their ids. Raises ProviderError."""
        if self._installed is not None and self._installed.flavour is Flavour.sdnext:
            return None
        body: JsonObject = {"id_task": run.id, "id_live_preview": -1, "live_preview": False}
        reply = await self.exchange(Request("POST", "internal/progress", body))
        return None if reply.status in (404, 405) else reply

    async def _stop(self, run: Run, generation: Generation) -> None:
        """Interrupt the run as soon as it is the one that is made. Raises ProviderError if nobody says when."""
        while not generation.is_over and not await self._is_interrupted(run):
            await generation.wait(ASK_EVERY)

    async def _is_interrupted(self, run: Run) -> bool:
        try:
            task = await self._task(run)
            if task is not None:
                if task.at("active") is not True or (_rate_of(task) or 0.0) >= LAST_MOMENT:
                    return False
                self.judged(Phase.cancel, await self.exchange(Request("POST", "sdapi/v1/interrupt")))
                return True
        except ProviderError:
            return False
        raise ProviderError(f"{self.name} does not say whose picture it makes, and would interrupt any")

    # Its files.

    def _files(self, installed: Installed, model: Model, job: ImageJob) -> Mapping[str, Weights]:
        """The files that a model is made of for a job. Raises Incapable for one that is not there."""
        is_forge = installed.flavour is Flavour.forge
        wanted = {**model.files, **job.components}
        found: dict[str, Weights] = {}
        for part, name in wanted.items():
            kind = part if part == "checkpoint" else "module" if is_forge else "vae"
            air = job.model if name == "*" else job.components.get(part)
            found[part] = self._weights(installed, kind, air) if air is not None else self._named(installed, kind, name)
        return found

    def _loras(self, installed: Installed, job: ImageJob) -> Sequence[tuple[str, float]]:
        """LoRAs by the names that a prompt calls them by. Raises Incapable."""
        loras = [(self._weights(installed, "lora", lora.air).word, lora.strength) for lora in job.loras]
        if unsaid := next((name for name, _ in loras if not can_be_said(name)), None):
            raise Incapable(f"cannot name the LoRA {unsaid!r} in a prompt")
        return loras

    def _weights(self, installed: Installed, kind: str, air: str) -> Weights:
        if (found := installed.find_air(kind, air, self.account.files)) is not None:
            return found
        raise Incapable(f"has no file for {air}; [providers.{self.name}.files] can name one")

    def _named(self, installed: Installed, kind: str, name: str) -> Weights:
        if (found := installed.find(kind, name)) is not None:
            return found
        raise Incapable(f"needs {name}, which {self.name} does not have")

    async def look(self) -> None:
        listed = {name: await self._list(name) for name in (*LISTS, *LISTS_OF_SOME)}
        self._installed = Installed.read(listed)

    async def _list(self, name: str) -> Json:
        """What a server lists under a name; None if it has no such list. Raises Ambiguous if it cannot be asked now."""
        reply = await self.exchange(Request("GET", f"sdapi/v1/{name}"))
        if reply.status == 404 and name in LISTS_OF_SOME:
            return None
        if reply.status != 200 or not isinstance(reply.json, list):
            raise Ambiguous(self.told(reply))
        return reply.json


def _settings(flavour: Flavour, files: Mapping[str, Weights]) -> JsonObject:
    """The settings that name the files of a job."""
    settings: JsonObject = {"sd_model_checkpoint": files["checkpoint"].word}
    parts = [weights.word for part, weights in files.items() if part != "checkpoint"]
    if flavour is Flavour.forge:
        return {**settings, "forge_additional_modules": [*parts]}
    return {**settings, "sd_vae": parts[0] if parts else "Automatic"}


def _rate_of(reply: Reply) -> float | None:
    """How far a picture is, 0..1; None if an answer tells of none."""
    rate = reply.number("progress")
    return None if rate is None else min(max(rate, 0.0), 1.0)


def _stem_told(reply: Reply) -> str:
    """The checkpoint that an answer says it was made with, without suffix; empty if it does not say."""
    try:
        info = msgspec.json.decode(reply.text("info") or "{}")
    except msgspec.MsgspecError:
        return ""
    name = info.get("sd_model_name") if isinstance(info, dict) else None
    return name if isinstance(name, str) else ""
