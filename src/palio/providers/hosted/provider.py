"""The way of a job through a vendor's API, with the steps that differ left to adapters.

    offer    catalog -> model, size, price, or why not
    start    pictures -> payload -> submission -> signal -> handle
    watch    question -> signal -> [gap, question ...] -> collection -> signal -> picture -> cost
    cancel   cancellation -> signal

Everything between is done here: time-outs, what each answer or silence means, when to ask again and for how long,
bounded downloads. An adapter says where to, with what, and how to read it; each method's docstring tells whether one
usually overrides it.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from random import Random
from time import monotonic, time
from typing import ClassVar

import httpx
import msgspec

from palio.contract.image.job import ImageJob
from palio.contract.json import JsonObject
from palio.errors import Futile, PalioError
from palio.providers.base import (
    Ambiguous,
    Assignment,
    Handle,
    Incapable,
    Lost,
    Made,
    NotAccepted,
    Offer,
    Progress,
    Provider,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unable,
)
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.hosted.account import Account
from palio.providers.hosted.orders import Order, Request, Run
from palio.providers.hosted.pace import gap
from palio.providers.hosted.payload import data_url, payload_of
from palio.providers.hosted.pictures import fitted, inline, is_black
from palio.providers.hosted.signals import Phase, Reply, Signal, Verdict, judge, row_in
from palio.providers.wire import MAX_ANSWER_BYTES, Answer, TooLarge, Wire, pauses, retry_after

log = logging.getLogger(__name__)

MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_SENT_BYTES = 64 * 1024 * 1024
"""Of all pictures of a job together."""
MAX_READ_AT_ONCE = 256 * 1024
"""Bytes of an answer. Larger ones are decoded in a thread, so that others need not wait for that."""
MAX_REDIRECTS = 3
TIMES_GONE = 3
"""How often in a row it must be said that something is gone: what was just made may not be everywhere yet."""


class HostedProvider(Provider, ABC):
    """Runs jobs at a vendor."""

    base_url: ClassVar[str]
    """Where the vendor is."""
    key_variable: ClassVar[str | None]
    """The environment variable that usually holds the key; None if none is needed."""
    key_header: ClassVar[str] = "Authorization"
    key_prefix: ClassVar[str] = "Bearer "
    signals: ClassVar[Sequence[Signal]]
    """The vendor's own rows; those of HTTP follow."""
    hosts: ClassVar[tuple[str, ...]] = ()
    """Domains besides that of `base_url` to which the vendor may direct further requests, with the key."""
    knows_our_id: ClassVar[bool] = False
    """Whether runs can be found by the attempt's id; then `find` is overridden too."""
    costs_nothing: ClassVar[bool] = False
    max_answer_bytes: ClassVar[int] = MAX_ANSWER_BYTES
    refund: ClassVar[float] = 0.0
    """The share of a price that is not paid for a run that is canceled under way."""

    def __init__(self, account: Account) -> None:
        super().__init__(
            account.name,
            account.concurrency,
            resumable=True,
            findable=self.knows_our_id,
            free=self.costs_nothing and not account.price,
        )
        self.account = account
        self._random = Random()  # noqa: S311 - spreads requests, not a secret
        self.wire = Wire(
            account.name,
            account.base_url,
            connections=2 * account.concurrency + 8,
            key=account.key,
            key_header=self.key_header,
            key_prefix=self.key_prefix,
        )

    async def close(self) -> None:
        await self.wire.close()

    # What adapters give.

    @abstractmethod
    def submission(self, order: Order) -> Request:
        """The request that has a job taken on. Usually overridden."""

    @abstractmethod
    def run_of(self, reply: Reply, order: Order) -> Run | None:
        """The run that an answer to a submission tells of; None if it tells of none. Usually overridden."""

    @abstractmethod
    def question(self, run: Run) -> Request:
        """The request that asks how far a run is. Usually overridden."""

    def progress(self, reply: Reply) -> Progress:
        """How far a run is that is queued or running. Overridden where the vendor says."""
        return Progress(0.0)

    def collection(self, run: Run, reply: Reply) -> Request | None:
        """The request for the result of a run that is done; None if the answer to the question holds it.

        Overridden where results are kept elsewhere.
        """
        return None

    @abstractmethod
    def pictures(self, reply: Reply) -> Sequence[str]:
        """The pictures in a result, as URLs or data URLs. Usually overridden."""

    def cancellation(self, run: Run) -> Request | None:
        """The request that stops a run; None if the vendor cannot. Usually overridden."""
        return None

    def cost(self, run: Run, reply: Reply) -> float | None:
        """USD that a result says it cost. Overridden where it does. May raise anything: the picture is safe by then."""
        return run.cost

    def pause(self, reply: Reply) -> float | None:
        """Seconds that the vendor wants to be left alone. Overridden where it says so elsewhere than in Retry-After."""
        return retry_after(reply.headers)

    def lacks(self, model: Model, job: ImageJob) -> str | None:
        """What is not there for a model to do a job. Overridden where that depends on the server."""
        return None

    def payload(self, found: Fit, assignment: Assignment, pictures: Sequence[str]) -> JsonObject:
        """The body of a submission. Overridden where the catalog's fields cannot say it."""
        return payload_of(found, assignment.job, pictures)

    async def sent_picture(self, data: bytes) -> str:
        """A picture as the payload holds it; a data URL unless overridden. Raises ProviderError."""
        return await asyncio.to_thread(data_url, data)

    # What they have in common.

    def offer(self, job: ImageJob) -> Offer | Unable:
        found = self.account.catalog.best(job, self.lacks)
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

    async def start(self, assignment: Assignment) -> Handle:
        found = self.account.catalog.best(assignment.job, self.lacks)
        if isinstance(found, str):
            raise Incapable(found)
        order = await self._order(assignment, found)
        reply = await self._submit(self.submission(order))
        run = self.run_of(reply, order)
        if run is not None and all(url and self.may_be_asked(url) for url in run.urls.values()):
            return msgspec.json.encode(run).decode()
        if run is not None and (cancellation := self.cancellation(run)) is not None:
            # It cannot be followed, so it had better not go on. If it does all the same, that is what Ambiguous says.
            with suppress(ProviderError):
                await self.exchange(cancellation)
        raise Ambiguous(f"{self.name} took the job and did not say where it can be found")

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        run = self.run_in(handle)
        question = self.question(run)
        while True:
            reply, verdict = await self._ask(question, Phase.poll)
            if verdict is Verdict.go_on:
                break
            yield self.progress(reply)
            await asyncio.sleep(gap(time() - run.began, self.pause(reply), self._random))
        if (collection := self.collection(run, reply)) is not None:
            reply = await self._collect(collection)
        model = self.account.catalog.model(run.model)
        data = await self._picture(reply, model)
        yield Made(data, {"Model": run.model} if run.model else {}, cost=self._cost(run, reply))

    async def cancel(self, handle: Handle) -> None:
        run = self.run_in(handle)
        if (request := self.cancellation(run)) is None:
            raise ProviderError(f"{self.name} cannot stop a run")
        self.judged(Phase.cancel, await self.exchange(request))

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

    async def _order(self, assignment: Assignment, found: Fit) -> Order:
        job, images = assignment.job, found.model.images
        pictures: list[str] = []
        size = 0
        for reference in job.images:
            data = await assignment.load(reference)
            if images is not None and images.follows:
                data = await asyncio.to_thread(fitted, data, found.width, found.height)
            size += len(data)
            if size > MAX_SENT_BYTES:
                raise Incapable(f"{self.name} is sent at most {MAX_SENT_BYTES} bytes of pictures with a job")
            pictures.append(await self.sent_picture(data))
        return Order(assignment.attempt_id, job, found.model, self.payload(found, assignment, pictures))

    async def _submit(self, request: Request) -> Reply:
        reply = await self.exchange(request, 2 * self.account.limits.timeout)
        self.judged(Phase.submit, reply)
        return reply

    async def _collect(self, request: Request) -> Reply:
        until = monotonic() + self.account.limits.patience
        while True:
            reply, verdict = await self._ask(request, Phase.result)
            if verdict is Verdict.go_on:
                return reply
            # What was done a moment ago may still be on its way to where results are kept.
            if monotonic() > until:
                raise Ambiguous(f"{self.name} says that the run is done and does not hand over the result")
            await asyncio.sleep(gap(0.0, self.pause(reply), self._random))

    async def _ask(self, request: Request, phase: Phase) -> tuple[Reply, Verdict]:
        """What the vendor says of a run, asking again while that is nothing, for as long as there is patience."""
        until = monotonic() + self.account.limits.patience
        tries = pauses(self._random)
        times_gone = 0
        while True:
            asked_for = None
            try:
                reply = await self.exchange(request)
                verdict = self.judged(phase, reply)
            except Lost as error:
                times_gone += 1
                if times_gone == TIMES_GONE:
                    raise
                heard = str(error)
            except (NotAccepted, Ambiguous) as error:
                # Out of reach or silent, which says nothing of the run.
                times_gone, heard = 0, str(error)
            else:
                if verdict is not Verdict.insist:
                    return reply, verdict
                times_gone, heard, asked_for = 0, self.told(reply), self.pause(reply)
            if (left := until - monotonic()) <= 0:
                # A run that costs nothing may simply be begun elsewhere.
                kind = RunFailed if self.free else Ambiguous
                raise kind(f"for {self.account.limits.patience:g} s nobody could tell how the run goes: {heard}")
            await asyncio.sleep(min(max(next(tries), asked_for or 0.0), left))

    async def _picture(self, reply: Reply, model: Model | None) -> bytes:
        pictures = self.pictures(reply)
        if not pictures:
            raise RunFailed(f"{self.name} says that it is done and shows no picture")
        data = await self._bytes(pictures[0])
        if model is not None and model.blacks_out and await asyncio.to_thread(is_black, data):
            raise Refused(f"{self.name} made a black picture, as its safety filter does")
        return data

    async def _bytes(self, source: str) -> bytes:
        """The picture at a URL, tried for as long as there is patience: it was made, and is probably paid."""
        until = monotonic() + self.account.limits.patience
        tries = pauses(self._random)
        times_gone = 0
        while True:
            try:
                return await self._download(source)
            except Lost as error:
                times_gone += 1
                if times_gone == TIMES_GONE:
                    raise
                trouble: PalioError = error
            except (Futile, TooLarge) as error:
                raise self._given_up(error) from error
            except PalioError as error:
                times_gone, trouble = 0, error
            if (left := until - monotonic()) <= 0:
                raise self._given_up(trouble) from trouble
            await asyncio.sleep(min(next(tries), left))

    def _given_up(self, trouble: PalioError) -> ProviderError:
        # A picture that costs nothing may simply be made again.
        kind = RunFailed if self.free else Ambiguous
        return kind(f"the picture was made and cannot be downloaded: {trouble}")

    async def _download(self, url: str) -> bytes:
        if url.startswith("data:"):
            return await asyncio.to_thread(inline, url)
        for _ in range(MAX_REDIRECTS + 1):
            if not self._is_own(url):
                return await self.account.fetch(url, MAX_IMAGE_BYTES)
            seconds = 2 * self.account.limits.timeout
            answer = await self.wire.exchange("GET", url, seconds=seconds, max_bytes=MAX_IMAGE_BYTES)
            match answer.status:
                case 200:
                    return answer.body
                case 301 | 302 | 303 | 307 | 308:
                    # The wire has seen to it that this is a URL, or the answer would be none.
                    whole = httpx.URL(self.account.base_url + "/").join(url)
                    url = str(whole.join(answer.headers.get("Location", "")))
                case 404 | 410:
                    raise Lost(f"the picture is no longer there: {self.wire.told(answer)}")
                case _:
                    raise Ambiguous(self.wire.told(answer))
        raise Futile(f"{self.name} redirects more than {MAX_REDIRECTS} times")

    def _cost(self, run: Run, reply: Reply) -> float | None:
        try:
            return self.cost(run, reply)
        except Exception:
            log.exception("%s said in an unknown way what a run cost", self.name)
            return None

    async def _answer(self, request: Request, seconds: float) -> Answer:
        if not self.may_be_asked(request.url):
            raise NotAccepted(f"{self.name} directs to a host that is not its own")
        content = await asyncio.to_thread(msgspec.json.encode, request.body) if request.body is not None else None
        headers = dict(request.headers)
        if self.account.key and not self._is_own(request.url):
            headers[self.key_header] = self.key_prefix + self.account.key
        return await self.wire.exchange(
            request.method,
            request.url,
            content=content,
            headers=headers,
            seconds=seconds,
            max_bytes=self.max_answer_bytes,
        )

    def may_be_asked(self, url: str) -> bool:
        """Whether a URL, which a vendor may have sent, is one that gets the key."""
        whole = self._absolute(url)
        if whole is None or self._is_own(url):
            return whole is not None
        domains = (domain for domain in self.hosts if whole.host == domain or whole.host.endswith(f".{domain}"))
        return whole.scheme == "https" and next(domains, None) is not None

    def _is_own(self, url: str) -> bool:
        """Whether a URL leads to where the operator said that the provider is."""
        base, whole = httpx.URL(self.account.base_url), self._absolute(url)
        return whole is not None and (whole.scheme, whole.host, whole.port) == (base.scheme, base.host, base.port)

    def _absolute(self, url: str) -> httpx.URL | None:
        try:
            return httpx.URL(self.account.base_url + "/").join(url)
        except (httpx.InvalidURL, ValueError):
            return None
