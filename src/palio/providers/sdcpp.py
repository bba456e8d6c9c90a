"""stable-diffusion.cpp's own server as a provider. It has one model, and a queue whose jobs can be followed.

Which model that is its capabilities tell, by the name of a file; they are read at the start, every minute, and again
before each job, so that none is given to another model than it is for. A job under way cannot be
stopped.

Source: github leejet/stable-diffusion.cpp (2026-08), `examples/server/api.md`, `routes_sdcpp.cpp` and `async_jobs.cpp`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from time import time
from typing import ClassVar, Final

from palio.contract.image.job import ImageJob
from palio.contract.json import Json, JsonObject
from palio.providers.base import Ambiguous, Assignment, Handle, Incapable, NotAccepted, Progress, ProviderError
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.hosted.account import Account
from palio.providers.hosted.files import file_for
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.payload import payload_of
from palio.providers.hosted.provider import MAX_SENT_BYTES
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import SUCCESS, Meaning, Phase, Reply, Signal, Test, has, matches, says

FOLLOWED: Final = {Phase.poll, Phase.cancel}
PRECISION: Final = re.compile(
    r"(?:-i?q\d(?:-(?:\d|k|nl|xxs|xs|s|m|l|xl))*|-b?f16|-f32|-f8|-fp(?:8|16|32)(?:mixed)?|-(?:nv|mx)fp4|-e4m3fn|-scaled)*"
)
"""What the name of a file may add to that of its model."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a server says of itself: the name of its model's file, its LoRAs, and its words for sampling."""

    file: str
    loras: Mapping[str, str]
    """The paths that requests name them by, by the names of the files."""
    samplers: frozenset[str]
    schedulers: frozenset[str]

    @classmethod
    def read(cls, reply: Reply) -> "Loaded":
        """From its capabilities."""
        paths = [reply.text("loras", nth, "path") for nth in range(len(reply.items("loras")))]
        return cls(
            reply.text("model", "name"),
            {PurePosixPath(path).name: path for path in paths if path},
            frozenset(_texts(reply.items("samplers"))),
            frozenset(_texts(reply.items("schedulers"))),
        )

    def is_called(self, name: str) -> bool:
        """Whether the model's file has this name, but for its precision and the kind of file."""
        if self.file == name:
            return True
        stem, wanted = _plain(PurePosixPath(self.file).stem), _plain(name)
        return stem.startswith(wanted) and PRECISION.fullmatch(stem, len(wanted)) is not None


def _plain(name: str) -> str:
    return re.sub("[-_. ]+", "-", name.lower())


def _is(status: str) -> Test:
    return says(status, "status")


class StableDiffusionCpp(QueueProvider):
    """Runs jobs at a stable-diffusion.cpp server."""

    kind: ClassVar[str] = "sdcpp"
    base_url: ClassVar[str] = "http://127.0.0.1:1234"
    key_variable: ClassVar[str | None] = None
    enquiry: ClassVar[str | None] = "sdcpp/v1/capabilities"
    costs_nothing: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    # The answer to the last question is the picture.
    max_answer_bytes: ClassVar[int] = 2 * MAX_SENT_BYTES
    signals: ClassVar[Sequence[Signal]] = (
        Signal("accepted", Meaning.accepted, SUCCESS, has("id"), {Phase.submit}),
        Signal("queued", Meaning.queued, SUCCESS, _is("queued"), FOLLOWED),
        Signal("generating", Meaning.running, SUCCESS, _is("generating"), FOLLOWED),
        Signal("completed", Meaning.done, SUCCESS, _is("completed"), FOLLOWED),
        Signal("failed", Meaning.failed, SUCCESS, _is("failed"), FOLLOWED),
        Signal("cancelled", Meaning.canceled, SUCCESS, _is("cancelled"), FOLLOWED),
        Signal("job not found", Meaning.lost, {404}, matches("job not found", "error"), FOLLOWED),
        Signal("job expired", Meaning.lost, {410}, matches("job expired", "error"), FOLLOWED),
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._loaded: Loaded | None = None

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        if (loaded := self._loaded) is None:
            return f"cannot be offered before {self.name} has said what it has loaded"
        try:
            self._loras(loaded, job)
            if reason := self._another(loaded, model, job):
                return reason
        except Incapable as error:
            return str(error)
        for words, value, known in (
            (model.sampler, job.sampler, loaded.samplers),
            (model.scheduler, job.scheduler, loaded.schedulers),
        ):
            word = words.words.get(value or "") if words is not None else None
            if word is not None and known and word not in known:
                return f"needs {word}, which {self.name} does not have"
        return None

    async def start(self, assignment: Assignment) -> Handle:
        try:
            # It may have been started again with another model since.
            await self.look()
        except Ambiguous as error:
            # Nothing was begun yet.
            raise NotAccepted(str(error)) from error
        return await super().start(assignment)

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        job, model = assignment.job, found.model
        body = payload_of(found, job, pictures)
        if self._loaded is None:
            raise Incapable(f"{self.name} has not said what it has loaded")
        body["lora"] = [*self._loras(self._loaded, job)]
        params = body["sample_params"]
        if isinstance(params, dict) and (guidance := _guidance(model, job)):
            params["guidance"] = guidance
        return body

    def submission(self, order: Order) -> Request:
        return Request("POST", "sdcpp/v1/img_gen", order.payload)

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        id_ = reply.text("id")
        return Run(id_, order.model.id, time()) if re.fullmatch(r"[A-Za-z0-9_-]{1,200}", id_) else None

    def question(self, run: Run) -> Request:
        return Request("GET", f"sdcpp/v1/jobs/{run.id}")

    def progress(self, reply: Reply) -> Progress:
        position = reply.number("queue_position")
        # The first in the queue is at 1, and one is being made.
        return Progress(0.0, int(position) if position else None)

    def pictures(self, reply: Reply) -> Sequence[str]:
        format_ = reply.text("result", "output_format") or "png"
        images = [
            reply.text("result", "images", nth, "b64_json") for nth in range(len(reply.items("result", "images")))
        ]
        return [f"data:image/{format_};base64,{image}" for image in images if image]

    def cost(self, run: Run, reply: Reply) -> float | None:
        return self.account.price or 0.0

    def cancellation(self, run: Run) -> Request | None:
        return Request("POST", f"sdcpp/v1/jobs/{run.id}/cancel")

    def told(self, reply: Reply) -> str:
        """Why a job failed, or what is wrong with a request."""
        for place in (("error", "message"), ("message",)):
            if message := reply.text(*place):
                return f"{self.name}: {self.wire.clean(message)}"
        return super().told(reply)

    async def cancel(self, handle: Handle) -> None:
        run = self.run_in(handle)
        reply = await self.exchange(Request("POST", f"sdcpp/v1/jobs/{run.id}/cancel"))
        if reply.status == 409:
            raise ProviderError(f"{self.name} makes the picture already, and cannot stop that: {self.told(reply)}")
        self.judged(Phase.cancel, reply)

    def _another(self, loaded: Loaded, model: Model, job: ImageJob) -> str | None:
        """Why what is loaded is not the model that is meant; None if it is."""
        wanted = model.files.get("model")
        if wanted is None or (wanted != "*" and loaded.is_called(wanted)):
            return None
        if wanted != "*":
            return f"needs {wanted}, and {self.name} has loaded {loaded.file or 'nothing that it names'}"
        file = file_for(job.model, [loaded.file], self.account.files)
        if file is None:
            return f"has no file for {job.model}; [providers.{self.name}.files] can name the one that is loaded"
        return None if file == loaded.file else f"needs {file}, and {self.name} has loaded {loaded.file}"

    def _loras(self, loaded: Loaded, job: ImageJob) -> Sequence[JsonObject]:
        return [{"path": self._lora(loaded, lora.air), "multiplier": lora.strength} for lora in job.loras]

    def _lora(self, loaded: Loaded, air: str) -> str:
        file = file_for(air, loaded.loras, self.account.files)
        if file is not None and (path := loaded.loras.get(file)):
            return path
        raise Incapable(f"has no file for {air}; [providers.{self.name}.files] can name one")

    async def look(self) -> None:
        reply = await self.exchange(Request("GET", "sdcpp/v1/capabilities"))
        if reply.status != 200 or not isinstance(reply.at("model"), dict):
            raise Ambiguous(self.told(reply))
        self._loaded = Loaded.read(reply)


def _guidance(model: Model, job: ImageJob) -> JsonObject:
    """Guidance where a number in one field does not say it; else nothing."""
    wanted = 1.0 if job.guidance is None else job.guidance
    if model.recipe == "flux2" and job.engine != "flux2":
        # The hosted engine's guidance is an input of the model; what other engines call so is CFG.
        return {"txt_cfg": wanted, "distilled_guidance": 4.0}
    # None is 0 to who trained Z-Image, and 1 to the server.
    return {"txt_cfg": max(wanted, 1.0)} if model.recipe == "z-image" else {}


def _texts(values: Sequence[Json]) -> list[str]:
    return [value for value in values if isinstance(value, str)]
