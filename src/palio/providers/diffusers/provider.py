"""diffusers as a provider: weights are found or fetched, then a child process on one device makes the picture."""

import asyncio
import importlib.util
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from palio.contract.image.job import ImageJob
from palio.errors import SetupError
from palio.providers.base import (
    Assignment,
    Handle,
    Incapable,
    Made,
    Offer,
    Progress,
    Provider,
    RunFailed,
    Served,
    Unable,
)
from palio.providers.catalog.fitting import Fit
from palio.providers.catalog.model import Model
from palio.providers.catalog.reading import Catalog
from palio.providers.diffusers.plan import Shelf, lacks, missing, order_of, pipeline_of
from palio.providers.diffusers.process import Worker
from palio.providers.diffusers.protocol import Fault, Loaded, Loading, Picture, Report, Setup, Step
from palio.providers.hosted.pictures import fitted
from palio.resources.weights import NotFetched

LOAD_SECONDS = 20.0
"""How long a pipeline takes to load, to go by until it has been."""
FETCH_SECONDS = 600.0
"""How long weights take to get here that are not."""
PARTS = ("torch", "diffusers", "transformers", "peft")

_UNITS: Mapping[str, int] = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


class DiffusersOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator chooses for a device.

    `memory` bounds what stays loaded there, in bytes or as `12GB`. `patience` is for how many seconds nothing need be
    heard of a run, be it of a step or of loading, before the child is ended. `pickles` allows weights that may hold
    programs.
    """

    device: Annotated[str, msgspec.Meta(pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,2})?)$")] = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    memory: int | str | None = None
    patience: Annotated[float, msgspec.Meta(ge=1, le=86400)] = 600.0
    pickles: bool = False

    def __post_init__(self) -> None:
        self.setup()

    def setup(self) -> Setup:
        """As a child is told."""
        return Setup(self.device, self.dtype, None if self.memory is None else _bytes(self.memory), self.pickles)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a provider is made of, besides its options. `price` is USD per image."""

    name: str
    concurrency: int
    price: float | None
    catalog: Catalog
    shelf: Shelf


class Diffusers(Provider):
    """Runs jobs on a device of this machine."""

    kind: ClassVar[str] = "diffusers"

    def __init__(self, machine: Machine, options: DiffusersOptions) -> None:
        super().__init__(machine.name, machine.concurrency, free=not machine.price)
        self._machine = machine
        self._worker = Worker(machine.name, options.setup(), options.patience)
        self._resident: frozenset[str] = frozenset()
        self._load_seconds: dict[str, float] = {}
        """How long pipelines have taken to load, by their model."""

    @property
    def pid(self) -> int | None:
        """The child, if it runs."""
        return self._worker.pid

    async def close(self) -> None:
        await self._worker.close()

    def serves(self) -> Sequence[Served]:
        return [Served(model.id, model.family, model.members) for model in self._machine.catalog.models]

    def offer(self, job: ImageJob) -> Offer | Unable:
        found = self._machine.catalog.best(job, self._lacks)
        if isinstance(found, str):
            return Unable(self.name, found)
        return Offer(
            self.name,
            found.model.seconds,
            self._machine.price or 0.0,
            model=found.model.id,
            preparation=self._preparation(found.model, job),
        )

    async def start(self, assignment: Assignment) -> Handle:
        return assignment.attempt_id

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        job = assignment.job
        found = self._machine.catalog.best(job, self._lacks)
        if isinstance(found, str):
            raise Incapable(found)
        async with aclosing(self._fetch(missing(found.model, job, self._machine.shelf))) as fetching:
            async for progress in fetching:
                yield progress
        order = order_of(handle, found, job, await self._pictures(found, assignment), self._machine.shelf)
        async with aclosing(self._worker.run(order)) as reports:
            async for report in reports:
                yield self._event(report, found)

    async def cancel(self, handle: Handle) -> None:
        await self._worker.stop(handle)

    def _event(self, report: Report | int, found: Fit) -> Progress | Made:
        match report:
            case int():
                return Progress(0.0, ahead=report)
            case Loading():
                return Progress(0.0, is_preparing=True)
            case Loaded():
                self._resident = frozenset(report.resident)
                self._load_seconds[found.model.id] = report.seconds
                return Progress(1.0, is_preparing=True)
            case Step():
                return Progress(report.done / report.of)
            case Picture():
                return Made(report.data, {"Model": found.model.id}, cost=self._machine.price or 0.0)
            case Fault(is_incapable=True):
                raise Incapable(f"{found.model.id}: {report.message}")
            case Fault():
                raise RunFailed(f"{found.model.id}: {report.message}")

    async def _fetch(self, airs: list[str]) -> AsyncGenerator[Progress]:
        """Get weights that are not here. Raises Incapable."""
        for nth, air in enumerate(airs):
            rates: asyncio.Queue[float | None] = asyncio.Queue()
            fetching = asyncio.create_task(self._machine.shelf.weights.fetch(air, rates.put_nowait))
            fetching.add_done_callback(partial(_end, rates))
            try:
                while (rate := await rates.get()) is not None:
                    yield Progress((nth + rate) / len(airs), is_preparing=True)
                await fetching
            except NotFetched as error:
                raise Incapable(str(error)) from error
            finally:
                fetching.cancel()
                await asyncio.wait([fetching])

    async def _pictures(self, found: Fit, assignment: Assignment) -> list[bytes]:
        pictures = []
        for reference in assignment.job.images:
            data = await assignment.load(reference)
            if found.model.images is not None and found.model.images.follows:
                data = await asyncio.to_thread(fitted, data, found.width, found.height)
            pictures.append(data)
        return pictures

    def _preparation(self, model: Model, job: ImageJob) -> float:
        shelf = self._machine.shelf
        if missing(model, job, shelf):
            return FETCH_SECONDS + LOAD_SECONDS
        is_there = self.pid is not None and pipeline_of(model, job, shelf).key in self._resident
        return 0.0 if is_there else self._load_seconds.get(model.id, LOAD_SECONDS)

    def _lacks(self, model: Model, job: ImageJob) -> str | None:
        return lacks(model, job, self._machine.shelf)


def check_installed(table: str) -> None:
    """Raises SetupError where the libraries are not. Imports none of them."""
    if absent := [name for name in PARTS if importlib.util.find_spec(name) is None]:
        raise SetupError(f"[{table}]: {', '.join(absent)} must be installed: pip install 'palio[diffusers]'")


def _end(rates: asyncio.Queue[float | None], fetching: asyncio.Task[Path]) -> None:
    rates.put_nowait(None)


def _bytes(memory: int | str) -> int:
    if isinstance(memory, int):
        size = memory
    else:
        found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,3})?)\s*([kmgt]?b)?\s*", memory, re.IGNORECASE)
        if found is None:
            raise ValueError(f"memory must be bytes, or a size such as 12GB, not {memory!r}")
        size = int(float(found[1]) * _UNITS[(found[2] or "").lower()])
    if size <= 0:
        raise ValueError("memory must be more than nothing")
    return size
