"""An orchestrator on a real store and real blobs in a folder, with the providers that a test gives it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from palio.blobs.fetch import Fetcher, FetchPolicy
from palio.blobs.images import ImageLimits
from palio.blobs.objects import ObjectStore
from palio.blobs.service import Blobs
from palio.blobs.signing import Signer
from palio.contract.document import Job, Step, Workflow
from palio.contract.instant import now
from palio.contract.json import Json, JsonObject
from palio.contract.template import WorkflowTemplate, read_template
from palio.engine.inputs import Inputs
from palio.engine.orchestrator import Orchestrator
from palio.engine.planning import Plan, new_document, plan_ahead
from palio.engine.room import RaceRules, Room
from palio.engine.service import WorkflowService
from palio.engine.upkeep import Upkeep
from palio.providers.base import Provider
from palio.race.clock import LoopClock
from palio.race.failures import Policy
from palio.race.field import Field
from palio.race.stand import Entrant
from palio.store.database import Transaction, sqlite_url
from palio.store.ledger import Attempt
from palio.store.store import Store
from palio.store.workflows import Stored

ACCOUNT = "ann"
PATIENCE = 10.0
"""Seconds within which everything that a test waits for has to happen."""


def image(prompt: Json = "a red kite", **members: Json) -> JsonObject:
    """A step that makes an image; what is not a member of every step belongs to its input."""
    of_step: JsonObject = {key: members.pop(key) for key in ("name", "timeout", "retries") if key in members}
    input_: JsonObject = {
        "engine": "sdcpp",
        "ecosystem": "zImage",
        "model": "turbo",
        "operation": "createImage",
        "prompt": prompt,
        "width": 512,
        "height": 512,
        "outputFormat": "png",
        **members,
    }
    return {"$type": "imageGen", "input": input_, **of_step}


def variant_of(picture: Json, **members: Json) -> JsonObject:
    """A step that makes an image from another."""
    model = "urn:air:sdxl:checkpoint:civitai:101055@128078"
    return image(operation="createVariant", ecosystem="sdxl", model=model, image=picture, strength=0.5, **members)


def echo(message: Json, name: str | None = None) -> JsonObject:
    """A step that says something."""
    step: JsonObject = {"$type": "echo", "input": {"message": message}}
    return step if name is None else {**step, "name": name}


def ref(source: str, path: str) -> JsonObject:
    """A value that is known only later."""
    return {"$ref": source, "path": path}


@dataclass(slots=True)
class Engine:
    """One process of Palio without its surfaces."""

    store: Store
    blobs: Blobs
    orchestrator: Orchestrator
    service: WorkflowService
    _serving: "asyncio.Task[None] | None" = field(default=None)

    def serve(self) -> None:
        """Begin to run workflows."""
        self._serving = asyncio.ensure_future(self.orchestrator.serve())

    async def stop(self) -> None:
        """Stop as a process does; what runs is left as it is."""
        if self._serving is not None:
            self._serving.cancel()
            with suppress(asyncio.CancelledError):
                await self._serving

    async def run(self, *steps: Json, **members: Json) -> Workflow:
        """Submit a workflow and see it to its end."""
        return await self.end_of(await self.submit(*steps, **members))

    async def submit(self, *steps: Json, **members: Json) -> str:
        """Submit a workflow; returns its id."""
        return (await self.service.submit(ACCOUNT, {"steps": list(steps), **members})).id

    async def end_of(self, workflow_id: str) -> Workflow:
        """A workflow once it is over."""
        return await self.until(workflow_id, lambda document: document.status.is_final)

    async def until(self, workflow_id: str, is_so: Callable[[Workflow], bool]) -> Workflow:
        """A workflow as soon as the store has it in some state."""
        document = await self.load(workflow_id)
        async with asyncio.timeout(PATIENCE):
            while not is_so(document):
                await asyncio.sleep(0.005)
                document = await self.load(workflow_id)
        return document

    async def load(self, workflow_id: str) -> Workflow:
        """A workflow as the store has it."""
        stored = await self.store.workflows.load(workflow_id, ACCOUNT, just_ended=True)
        assert stored is not None
        return stored.document

    async def cancel(self, workflow_id: str) -> None:
        """Cancel as the owner does."""
        await self.service.update(ACCOUNT, workflow_id, {"status": "canceled"})

    async def attempts(self, workflow_id: str) -> list[Attempt]:
        """What the ledger says."""
        return await self.store.ledger.attempts(workflow_id)

    async def record(self, *steps: Json) -> tuple[Stored, WorkflowTemplate, Plan]:
        """A workflow that is in the store and that the orchestrator does not know of yet."""
        template = read_template({"steps": list(steps)})
        document = new_document(template, now())
        planned = plan_ahead(document, template)
        recorded = await self.store.workflows.record(ACCOUNT, document, "")
        return recorded.stored, template, planned

    @contextmanager
    def busy_disk(self) -> Iterator[None]:
        """Nothing becomes durable while the block runs, as another process is writing."""
        held, release = threading.Event(), threading.Event()

        def hold(_: Transaction) -> None:
            held.set()
            release.wait(PATIENCE)

        thread = threading.Thread(target=self.store.database.apply, args=(hold,))
        thread.start()
        held.wait(PATIENCE)
        try:
            yield
        finally:
            release.set()
            thread.join()


@asynccontextmanager
async def engine(
    data: Path,
    *providers: Provider,
    max_active: int = 1000,
    step_timeout: float = 60,
    serve: bool = True,
    patience: float = 0,
    rules: RaceRules | None = None,
    policies: Mapping[str, Policy] | None = None,
) -> AsyncIterator[Engine]:
    """A running engine on a data folder, stopped at the end."""
    store = Store(sqlite_url(data))
    objects = ObjectStore.open(str(data / "blobs"))
    signer = Signer(bytes(32), timedelta(days=1))
    blobs = Blobs(objects, store.files.data, signer, ImageLimits(), Fetcher(FetchPolicy()))
    inputs = Inputs(blobs)
    field = Field((_entrant(provider, policies or {}) for provider in providers), LoopClock(), Random(7))
    room = Room(
        workflows=store.workflows,
        ledger=store.ledger,
        blobs=blobs,
        inputs=inputs,
        providers={provider.name: provider for provider in providers},
        field=field,
        base_url="http://palio.test",
        retention=timedelta(days=30),
        step_timeout=timedelta(seconds=step_timeout),
        rules=rules or RaceRules(patience=timedelta(seconds=patience)),
    )
    orchestrator = Orchestrator(room, Upkeep(field, store.ledger, store.records), max_active)
    await orchestrator.take_up()
    started = Engine(store, blobs, orchestrator, WorkflowService(store.workflows, orchestrator, inputs, 100))
    if serve:
        started.serve()
    try:
        yield started
    finally:
        await started.stop()
        await blobs.close()
        store.close()


def _entrant(provider: Provider, policies: Mapping[str, Policy]) -> Entrant:
    policy = policies.get(provider.name, Policy(repeat_ambiguous=provider.free))
    return Entrant(provider.name, provider.concurrency, stand_in=provider.stand_in, policy=policy)


async def soon(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, which it must be before long."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - what tests wait for sets no event
            await asyncio.sleep(0.005)


def jobs(document: Workflow, step: int = 0) -> list[Job]:
    """The jobs of a step."""
    return document.steps[step].jobs or []


def errors(step: Step) -> list[str]:
    """What a step says went wrong."""
    return (step.output.errors if step.output is not None else None) or []
