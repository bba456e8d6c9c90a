"""Civitai's Orchestration API as a provider: a workflow of one step with one image for every run.

A workflow carries the attempt's id as `externalId`, under which a second one is never begun, and as a tag, by which it
is found. Whoever sends `whatif` under an `externalId` that is still free takes it, and nothing is run or paid: that is
how it is made sure that a submission whose answer was lost did not arrive, and no longer can.

Sources: npm `@civitai/client` 0.2.0-beta.86; github civitai/civitai-developer-docs, orchestration.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from time import time
from typing import Annotated, ClassVar, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec.structs import replace

from palio.contract.air import is_air
from palio.contract.image.job import ControlNet, ImageJob
from palio.contract.json import Json, JsonObject
from palio.contract.timespan import show_timespan
from palio.providers.base import Ambiguous, Assignment, Handle, Incapable, Progress, ProviderError
from palio.providers.catalog.fitting import Fit
from palio.providers.civitai.inputs import Written, input_of, written
from palio.providers.civitai.signals import IMAGE, JOB, SIGNALS, is_withheld
from palio.providers.hosted.account import Account, Limits
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.provider import MAX_SENT_BYTES
from palio.providers.hosted.queue import QueueProvider
from palio.providers.hosted.signals import SUCCESS, Reply, Signal

WORKFLOWS: Final = "v2/consumer/workflows"
BLOBS: Final = "v2/consumer/blobs"
TAG: Final = "palio"
ATTEMPT: Final = "attempt"
"""The member of metadata and arguments with the attempt's id."""
NEVER_BEGUN: Final = "never begun"
"""What stands for the attempt in a workflow that only takes its name."""
USD_OF_BUZZ: Final = 0.001
"""What Buzz is sold for: 1000 for a dollar."""
LEVELS: Final = frozenset(("pg", "pg13", "r", "x", "xxx", "na"))
CURRENCIES: Final = frozenset(("blue", "green", "yellow"))


class Options(Limits, frozen=True, forbid_unknown_fields=True):
    """What an operator may choose.

    `usd_per_buzz` is what Buzz is worth to him, `currencies` the accounts that may pay, as in `blue,yellow`, the first
    one first; empty: any. `allow_mature_content` is passed on; left out, the currency that pays decides.
    """

    usd_per_buzz: Annotated[float, msgspec.Meta(ge=0, le=1)] = USD_OF_BUZZ
    currencies: str = ""
    allow_mature_content: bool | None = None

    def __post_init__(self) -> None:
        if unknown := set(self.accounts) - CURRENCIES:
            raise ValueError(f"currencies are {', '.join(sorted(CURRENCIES))}, not {', '.join(sorted(unknown))}")

    @property
    def accounts(self) -> list[str]:
        """The accounts that may pay."""
        return [name for part in self.currencies.split(",") if (name := part.strip())]


class Civitai(QueueProvider):
    """Runs jobs at Civitai, or at another Palio."""

    kind: ClassVar[str] = "civitai"
    base_url: ClassVar[str] = "https://orchestration.civitai.com"
    key_variable: ClassVar[str | None] = "CIVITAI_API_KEY"
    # The variable also holds keys for downloads, and, for who uses this server's capability files, its own token.
    needs_table: ClassVar[bool] = True
    enquiry: ClassVar[str | None] = f"{WORKFLOWS}?take=1"
    signals: ClassVar[Sequence[Signal]] = SIGNALS
    knows_our_id: ClassVar[bool] = True
    options: ClassVar[type[Limits]] = Options
    # A workflow is shown with its input, and so with the pictures that were sent, as Base64.
    max_answer_bytes: ClassVar[int] = 2 * MAX_SENT_BYTES

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._chosen = account.limits if isinstance(account.limits, Options) else Options()

    def fit(self, job: ImageJob) -> Fit | str:
        """The catalog knows who makes what; whether it can be said there, and for how much Buzz, the contract."""
        found = self.account.catalog.best(known_to_catalogs(job))
        if isinstance(found, str):
            return found
        wire = written(job)
        if not isinstance(wire, Written):
            return f"{found.model.id} {wire}"
        price = found.price if found.model.price is not None else wire.price.total * self._chosen.usd_per_buzz
        return Fit(found.model, job.width, job.height, job.aspect, price)

    async def start(self, assignment: Assignment) -> Handle:
        nets = await self._with_pictures(assignment)
        return await super().start(
            Assignment(assignment.attempt_id, replace(assignment.job, control_nets=nets), assignment.load)
        )

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        return input_of(assignment.job, pictures)

    def submission(self, order: Order) -> Request:
        timeout = show_timespan(timedelta(seconds=self.account.limits.deadline))
        step: JsonObject = {"$type": "imageGen", "name": "image", "timeout": timeout, "input": order.payload}
        tags: list[Json] = [TAG, _tag(order.attempt_id)]
        # What has the same steps and arguments as an earlier workflow may be answered with that one.
        arguments: JsonObject = {ATTEMPT: order.attempt_id}
        body: JsonObject = {"steps": [step], "tags": tags, "arguments": arguments, **_named(order.attempt_id)}
        if self._chosen.accounts:
            body["currencies"] = [*self._chosen.accounts]
        if self._chosen.allow_mature_content is not None:
            body["allowMatureContent"] = self._chosen.allow_mature_content
        return Request("POST", WORKFLOWS, body)

    def run_of(self, reply: Reply, order: Order) -> Run | None:
        return Run(id_, order.model.id, time()) if (id_ := reply.text("id")) else None

    def question(self, run: Run) -> Request:
        return Request("GET", _address(run))

    def progress(self, reply: Reply) -> Progress:
        ahead = reply.number(*JOB, "queuePosition", "precedingJobs")
        rate = reply.number(*JOB, "estimatedProgressRate") or reply.number("steps", 0, "estimatedProgressRate") or 0.0
        preparing = reply.text("status") == "preparing"
        return Progress(min(max(rate, 0.0), 1.0), None if ahead is None else max(int(ahead), 0), preparing)

    def pictures(self, reply: Reply) -> Sequence[str]:
        return [reply.text(*IMAGE, "url")]

    def nsfw_level(self, reply: Reply) -> str | None:
        level = reply.text(*IMAGE, "nsfwLevel")
        return level if level in LEVELS else None

    async def renewed(self, url: str) -> str:
        """Addresses are signed for a while. Asking for a new one also keeps the picture for longer."""
        _, found, blob = urlsplit(url).path.partition(f"/{BLOBS}/")
        if found and "/" not in blob:
            with suppress(ProviderError):
                reply = await self.exchange(Request("POST", f"{BLOBS}/{blob}/refresh"))
                return (reply.status in SUCCESS and reply.text("url")) or url
        return url

    def cancellation(self, run: Run) -> Request | None:
        return Request("PUT", _address(run), {"status": "canceled"})

    def cost(self, run: Run, reply: Reply) -> float | None:
        """What was taken less what was given back; None where no movement of Buzz is shown."""
        if not isinstance(reply.at("transactions", "list"), list):
            return None
        signs = {"debit": 1, "credit": -1}
        moved = sum(
            signs.get(reply.text("transactions", "list", nth, "type"), 0)
            * (reply.number("transactions", "list", nth, "amount") or 0.0)
            for nth in range(len(reply.items("transactions", "list")))
        )
        return max(moved, 0.0) * self._chosen.usd_per_buzz

    async def find(self, attempt_id: str) -> Handle | None:
        listed = await self._asked(
            Request("GET", f"{WORKFLOWS}?{urlencode({'tags': _tag(attempt_id), 'hideMatureContent': 'false'})}")
        )
        if not isinstance(listed.at("items"), list):
            raise Ambiguous(f"{self.name} lists no workflows")
        for nth, _ in enumerate(listed.items("items")):
            if _tag(attempt_id) in listed.items("items", nth, "tags") and (id_ := listed.text("items", nth, "id")):
                return _handle(id_)
        # It is not there. Whatever is still on its way is not to be begun when it arrives.
        step: JsonObject = {"$type": "echo", "input": {"message": NEVER_BEGUN}}
        body: JsonObject = {"steps": [step], **_named(attempt_id), "metadata": {ATTEMPT: NEVER_BEGUN}}
        holder = await self._asked(Request("POST", f"{WORKFLOWS}?whatif=true", body))
        match holder.text("metadata", ATTEMPT), holder.text("id"):
            case found, id_ if found == attempt_id and id_:
                return _handle(id_)
            case found, _ if found == NEVER_BEGUN:
                return None
            case _:
                raise Ambiguous(f"{self.name} does not say which workflow has the run's name")

    def told(self, reply: Reply) -> str:
        said = " ".join(filter(None, _troubles(reply)))
        return f"{self.name}: {self.wire.clean(said)}" if said else super().told(reply)

    async def _asked(self, request: Request) -> Reply:
        """The answer to a question about what was submitted. Raises Ambiguous if it is none."""
        reply = await self.exchange(request)
        if reply.status not in SUCCESS:
            raise Ambiguous(self.told(reply))
        return reply

    async def _with_pictures(self, assignment: Assignment) -> tuple[ControlNet, ...]:
        """The ControlNets with the pictures that they name, in place of where these are."""
        size = 0

        async def sent(reference: str | None) -> str | None:
            nonlocal size
            if reference is None or is_air(reference):
                return reference
            data = await assignment.load(reference)
            size += len(data)
            if size > MAX_SENT_BYTES:
                raise Incapable(f"{self.name} is sent at most {MAX_SENT_BYTES} bytes of pictures with a job")
            return await self.sent_picture(data)

        nets = assignment.job.control_nets
        return tuple([replace(net, image=await sent(net.image), mask=await sent(net.mask)) for net in nets])


def known_to_catalogs(job: ImageJob) -> ImageJob:
    """A job by its engine, and without what no catalog says: what an input may hold is the contract's to judge."""
    return ImageJob(
        engine=job.engine,
        family=job.family,
        model=job.model,
        operation=job.operation,
        prompt=job.prompt,
        width=job.width,
        height=job.height,
        seed=None,
        images=job.images,
        aspect=job.aspect,
        options={"engine": job.engine},
    )


def _troubles(reply: Reply) -> Iterator[str]:
    """What went wrong with a workflow; nothing for any other document, nor for one that goes well."""
    if isinstance(reply.json, str):
        yield reply.json
    for nth, _ in enumerate(reply.items("steps", 0, "output", "errors")):
        yield reply.text("steps", 0, "output", "errors", nth)
    for place in ((*JOB, "reason"), (*JOB, "blockedReason"), (*IMAGE, "blockedReason")):
        yield reply.text(*place)
    if is_withheld(reply):
        yield "the picture is mature, which the Buzz that paid for it is not for"


def _named(attempt_id: str) -> JsonObject:
    return {"externalId": f"{TAG}-{attempt_id}", "metadata": {ATTEMPT: attempt_id}}


def _tag(attempt_id: str) -> str:
    return f"{TAG}-{attempt_id}"


def _address(run: Run) -> str:
    return f"{WORKFLOWS}/{quote(run.id, safe='')}"


def _handle(id_: str) -> Handle:
    return Run(id_, "", time()).handle
