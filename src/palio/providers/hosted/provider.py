"""What a job's way through a vendor's API is made of, with the steps that differ left to adapters.

    offer       catalog -> model, size, price, or why not
    submit      pictures -> payload -> submission -> signal
    made        picture -> cost

`queue.py` puts it together for vendors that take a job on and are asked for the picture later, `synchronous.py` for
those whose answer is the picture. Everything between is done here and there: time-outs, what each answer or silence
means, when to ask again and for how long, bounded downloads. An adapter says where to, with what, and how to read it;
each method's docstring tells whether one usually overrides it.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import msgspec

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
    Offer,
    Provider,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Served,
    Unable,
)
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.hosted.account import Account, Limits
from palio.providers.hosted.downloads import Downloads
from palio.providers.hosted.lookout import Lookout
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.payload import data_url, payload_of
from palio.providers.hosted.pictures import fitted, is_black
from palio.providers.hosted.signals import SUCCESS, Phase, Reply, Signal, Verdict, judge, row_in
from palio.providers.wire import JSON, MAX_ANSWER_BYTES, Answer, Wire, retry_after

log = logging.getLogger(__name__)

MAX_SENT_BYTES = 64 * 1024 * 1024
"""Of all pictures of a job together."""
MAX_READ_AT_ONCE = 256 * 1024
"""Bytes of an answer. Larger ones are decoded in a thread, so that others need not wait for that."""


class HostedProvider(Provider, ABC):
    """Runs jobs at a vendor."""

    base_url: ClassVar[str]
    """Where the vendor is."""
    key_variable: ClassVar[str | None]
    """The environment variable that usually holds the key; None if none is needed."""
    needs_table: ClassVar[bool] = False
    """Whether it is used only if a table says so, because `key_variable` may hold a key for other things too."""
    key_header: ClassVar[str] = "Authorization"
    key_prefix: ClassVar[str] = "Bearer "
    signals: ClassVar[Sequence[Signal]]
    """The vendor's own rows; those of HTTP follow."""
    hosts: ClassVar[tuple[str, ...]] = ()
    """Domains besides that of `base_url` to which the vendor may direct further requests, with the key."""
    knows_our_id: ClassVar[bool] = False
    """Whether runs can be found by the attempt's id; then `find` is overridden too."""
    costs_nothing: ClassVar[bool] = False
    looks: ClassVar[bool] = False
    """Whether it is a server that can tell what it has; then `look` is overridden too."""
    enquiry: ClassVar[str | None] = None
    """What can be asked for (GET) with the key and without cost, answered with JSON; None where nothing is known."""
    max_answer_bytes: ClassVar[int] = MAX_ANSWER_BYTES
    refund: ClassVar[float] = 0.0
    """The share of a price that is not paid for a run that is canceled under way."""
    options: ClassVar[type[Limits]] = Limits
    """What an operator may choose for it; overridden by a derived struct where there is more than limits."""

    def __init__(self, account: Account) -> None:
        super().__init__(
            account.name,
            account.concurrency,
            resumable=True,
            findable=self.knows_our_id,
            free=self.costs_nothing and not account.price,
        )
        self.account = account
        self.wire = Wire(
            account.name,
            account.base_url,
            connections=2 * account.concurrency + 8,
            key=account.key,
            key_header=self.key_header,
            credential=self.credential(account.key) if account.key else None,
        )
        self._downloads = Downloads(account, self.wire, free=self.free, renewed=self.renewed)
        self._lookout = Lookout(self.name, self.look) if self.looks else None

    async def open(self) -> None:
        if self._lookout is not None:
            await self._lookout.open()

    async def close(self) -> None:
        try:
            if self._lookout is not None:
                await self._lookout.close()
        finally:
            await self.wire.close()

    # What adapters give.

    @abstractmethod
    def submission(self, order: Order) -> Request:
        """The request that has a job taken on. Usually overridden. Called in a thread."""

    @abstractmethod
    def pictures(self, reply: Reply) -> Sequence[str]:
        """The pictures in a result, as URLs or data URLs. Usually overridden."""

    def credential(self, key: str) -> str:
        """The key as its header holds it. Overridden where it is encoded."""
        return self.key_prefix + key

    def cost(self, run: Run, reply: Reply) -> float | None:
        """USD that a result says it cost. Overridden where it does. May raise anything."""
        return run.cost

    def pause(self, reply: Reply) -> float | None:
        """Seconds that the vendor wants to be left alone. Overridden where it says so elsewhere than in Retry-After."""
        return retry_after(reply.headers)

    def nsfw_level(self, reply: Reply) -> str | None:
        """The vendor's own judgement of a picture, as the contract names levels. Overridden where it gives one."""
        return None

    async def renewed(self, url: str) -> str:
        """Where a picture is after its download has failed. Overridden where URLs expire and can be had anew."""
        return url

    def fit(self, job: ImageJob) -> Fit | str:
        """How it would do a job, or why it cannot. Overridden where the catalog's members cannot say it."""
        return self.account.catalog.best(job, self.lacks)

    async def look(self) -> None:
        """Find out what a server has. Called at the start and every minute where it `looks`. Raises ProviderError."""

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        """What is not there for a model to do a job. Overridden where that depends on the server."""
        return None

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        """The body of a submission. Overridden where the catalog's fields cannot say it.

        `pictures` are the job's images, and after these those of its ControlNets.
        """
        return payload_of(found, assignment.job, pictures)

    async def sent_picture(self, data: bytes) -> str:
        """A picture as the payload holds it; a data URL unless overridden. Raises ProviderError."""
        return await asyncio.to_thread(data_url, data)

    # What they have in common.

    def serves(self) -> Sequence[Served]:
        return [Served(model.id, model.family, model.members) for model in self.account.catalog.models]

    async def check(self) -> str | None:
        if self.enquiry is None:
            return None
        reply = await self.exchange(Request("GET", self.enquiry))
        if reply.status in SUCCESS and reply.json is not None:
            return f"{self.name} answers" + (" and takes the key" if self.account.key else "")
        if reply.status not in SUCCESS:
            self.judged(Phase.submit, reply)
        raise ProviderError(f"{self.told(reply)}, which is not what it should")

    def offer(self, job: ImageJob) -> Offer | Unable:
        found = self.fit(job)
        if isinstance(found, str):
            return Unable(self.name, found)
        is_rounded = (found.width, found.height) != (job.width, job.height)
        return Offer(
            self.name,
            found.model.seconds,
            self.account.price if self.account.price is not None else found.price,
            model=found.model.id,
            refund=self.refund,
            rounded_to=(found.width, found.height) if is_rounded else None,
        )

    def run_in(self, handle: Handle) -> Run:
        """The run that a handle names. Raises Lost."""
        try:
            return msgspec.json.decode(handle, type=Run)
        except msgspec.MsgspecError:
            raise Lost("the handle is none of this provider's") from None

    async def exchange(self, request: Request, seconds: float | None = None) -> Reply:
        """One request and its answer. Raises NotAccepted if nothing was sent, Ambiguous if no answer came."""
        answer = await self._answer(request, seconds or self.account.limits.timeout)
        if len(answer.body) > MAX_READ_AT_ONCE:
            return await asyncio.to_thread(Reply, answer, request.about)
        return Reply(answer, request.about)

    def judged(self, phase: Phase, reply: Reply) -> Verdict:
        """What follows from an answer. Raises the error that it is, with what the vendor said."""
        row = row_in(self.signals, phase, reply)
        judgement = judge(phase, row.meaning)
        if isinstance(judgement, Verdict):
            return judgement
        told = f"{self.told(reply)} ({row.name})"
        if judgement is RateLimited:
            raise RateLimited(told, self.pause(reply))
        raise judgement(told)

    def told(self, reply: Reply) -> str:
        """What an answer says, for people. Overridden where the vendor says it in a way of its own."""
        return self.wire.told(reply.answer)

    async def order(self, assignment: Assignment) -> Order:
        """A job made ready to be sent. Raises ProviderError."""
        found = self.fit(assignment.job)
        if isinstance(found, str):
            raise Incapable(found)
        job, images = assignment.job, found.model.images
        pictures: list[str] = []
        size = 0
        hints = [net.image for net in job.control_nets if net.image is not None]
        for nth, reference in enumerate((*job.images, *hints)):
            data = await assignment.load(reference)
            if images is not None and images.follows and nth < len(job.images):
                data = await asyncio.to_thread(fitted, data, found.width, found.height)
            size += len(data)
            if size > MAX_SENT_BYTES:
                raise Incapable(f"{self.name} is sent at most {MAX_SENT_BYTES} bytes of pictures with a job")
            pictures.append(await self.sent_picture(data))
        return Order(assignment.attempt_id, job, found.model, self.payload(found, assignment, pictures))

    async def submit(self, order: Order, seconds: float) -> Reply:
        """The answer of a vendor that took a job on, waited for so long. Raises the error that any other answer is."""
        try:
            # It may decode pictures.
            reply = await self.exchange(await asyncio.to_thread(self.submission, order), seconds)
            self.judged(Phase.submit, reply)
        except Ambiguous as error:
            if self.free and not self.findable:
                # What costs nothing may simply be begun again.
                raise RunFailed(str(error)) from error
            raise
        return reply

    def picture(self, reply: Reply) -> str:
        """The picture in a result, as a URL or data URL. Raises RunFailed."""
        pictures = self.pictures(reply)
        if not pictures:
            raise RunFailed(f"{self.name} says that it is done and shows no picture")
        return pictures[0]

    async def made(self, run: Run, source: str, cost: float | None, nsfw_level: str | None = None) -> Made:
        """What a run ended with, from where its picture is. Raises ProviderError."""
        data = await self._downloads.picture(source)
        model = self.account.catalog.model(run.model)
        if model is not None and model.blacks_out and await asyncio.to_thread(is_black, data):
            raise Refused(f"{self.name} made a black picture, as its safety filter does")
        return Made(data, {"Model": run.model} if run.model else {}, nsfw_level, cost)

    def paid(self, run: Run, reply: Reply) -> float | None:
        """USD that a result says it cost; None also where it says so in a way that nobody knows."""
        try:
            return self.cost(run, reply)
        except Exception:
            log.exception("%s said in an unknown way what a run cost", self.name)
            return None

    async def _answer(self, request: Request, seconds: float) -> Answer:
        if not self.may_be_asked(request.url):
            raise NotAccepted(f"{self.name} directs to a host that is not its own")
        content = request.form.content if request.form is not None else None
        if request.body is not None:
            content = await asyncio.to_thread(msgspec.json.encode, request.body)
        headers = dict(request.headers)
        if self.account.key and not self.wire.is_own(request.url):
            headers[self.key_header] = self.credential(self.account.key)
        return await self.wire.exchange(
            request.method,
            request.url,
            content=content,
            media_type=JSON if request.form is None else request.form.media_type,
            headers=headers,
            seconds=seconds,
            max_bytes=self.max_answer_bytes,
        )

    def may_be_asked(self, url: str) -> bool:
        """Whether a URL, which a vendor may have sent, is one that gets the key."""
        whole = self.wire.absolute(url)
        if whole is None or self.wire.is_own(url):
            return whole is not None
        domains = (domain for domain in self.hosts if whole.host == domain or whole.host.endswith(f".{domain}"))
        return whole.scheme == "https" and next(domains, None) is not None
