"""The server: everything put together from the settings, and run until told to stop."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from datetime import timedelta
from random import Random

import uvicorn
from filelock import FileLock, Timeout
from starlette.applications import Starlette

from palio.blobs.fetch import Fetcher, FetchPolicy
from palio.blobs.images import ImageLimits
from palio.blobs.keys import load_or_create_key
from palio.blobs.objects import ObjectStore
from palio.blobs.service import Blobs
from palio.blobs.signing import Signer
from palio.contract.steering import Objective
from palio.engine.inputs import Inputs
from palio.engine.orchestrator import Orchestrator
from palio.engine.retention import sweep_for_ever
from palio.engine.room import RaceRules, Room
from palio.engine.service import WorkflowService
from palio.engine.upkeep import Upkeep
from palio.errors import PalioError, SetupError
from palio.observe.logs import set_up_logs
from palio.providers.base import Provider
from palio.providers.registry import configured
from palio.race.clock import LoopClock
from palio.race.failures import Policy
from palio.race.field import Field
from palio.race.gate import Rate
from palio.race.stand import Entrant
from palio.settings import Settings
from palio.store.store import Store
from palio.surfaces.listening import connection_type, listen, new_loop
from palio.surfaces.rest.accounts import Accounts
from palio.surfaces.rest.app import application
from palio.surfaces.rest.blob_operations import BlobOperations
from palio.surfaces.rest.operator_operations import OperatorOperations
from palio.surfaces.rest.workflow_operations import WorkflowOperations
from palio.surfaces.tokens import ensure_first_token, make_data_folder, open_store

log = logging.getLogger(__name__)

GRACE_SECONDS = 5
"""How long replies under way may take after the server was told to stop."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises SetupError."""
    set_up_logs(settings.log_level, json=settings.json_logs)
    listening = listen(settings.host, settings.port, "port")
    with listening, _store(settings) as store:
        ensure_first_token(settings, store.tokens)
        host, port = listening.getsockname()[:2]
        palio = Palio(settings, store, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(palio.serve(listening))


class Palio:
    """One process of Palio: the parts, and the application that answers for them."""

    def __init__(self, settings: Settings, store: Store, address: str) -> None:
        self.has_failed = False
        self._settings = settings
        self._address = address
        self._store = store
        self._providers = configured(settings)
        limits = ImageLimits(max_pixels=settings.image_max_pixels, max_input_bytes=settings.fetch_max_bytes)
        self._blobs = Blobs(
            ObjectStore.open(settings.blobs_url or str(settings.data / "blobs")),
            store.files.data,
            Signer(load_or_create_key(settings.data / "signing-key"), settings.url_lifetime),
            limits,
            Fetcher(FetchPolicy()),
        )
        self._retention = timedelta(days=settings.retention_days)
        inputs = Inputs(self._blobs)
        field = Field(_entrants(settings, self._providers), LoopClock(), Random())  # noqa: S311 - no secrets
        room = Room(
            workflows=store.workflows,
            ledger=store.ledger,
            blobs=self._blobs,
            inputs=inputs,
            providers=self._providers,
            field=field,
            base_url=settings.public_url or address,
            retention=self._retention,
            step_timeout=settings.step_timeout,
            rules=RaceRules(
                objective=Objective(settings.race.objective),
                hedge=settings.race.hedge,
                hedge_for=frozenset(settings.race.hedge_for),
                patience=settings.race.patience,
            ),
        )
        upkeep = Upkeep(field, store.ledger, store.records)
        self.orchestrator = Orchestrator(room, upkeep, settings.max_active_workflows)
        self.app = self._application(inputs)

    async def serve(self, listening: socket.socket) -> None:
        """Answer on a socket until told to stop. Raises PalioError if a part of the server fails."""
        config = uvicorn.Config(
            self.app,
            http=connection_type(),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
        )
        try:
            await _Server(config, self).serve(sockets=[listening])
        except SystemExit:  # uvicorn could not start
            self.has_failed = True
        if self.has_failed:
            raise PalioError("the server had to stop; its log says why")

    def _application(self, inputs: Inputs) -> Starlette:
        settings, store = self._settings, self._store
        service = WorkflowService(store.workflows, self.orchestrator, inputs, settings.max_wait_seconds)
        accounts = Accounts(store.tokens)
        workflows = WorkflowOperations(
            service, self._blobs.signer, accounts, settings.public_url, settings.max_body_bytes
        )
        blobs = BlobOperations(
            store.files, self._blobs, accounts, settings.public_url, self._retention, settings.fetch_max_bytes
        )
        operators = OperatorOperations(self.orchestrator.room, accounts)
        operations = (*workflows.operations(), *blobs.operations(), *operators.operations())
        return application(operations, self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        try:
            for provider in self._providers.values():
                await provider.open()
            await self.orchestrator.take_up()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self.orchestrator.serve()),
                    group.create_task(sweep_for_ever(self._store, self._blobs, self._retention)),
                ]
                self._say_ready()
                # What is there now stays: no collection needs to look at it again.
                gc.collect()
                gc.freeze()
                gc.set_threshold(20_000, 20, 20)
                yield
                for task in tasks:
                    task.cancel()
        except BaseException:
            self.has_failed = True
            raise
        finally:
            for provider in self._providers.values():
                await provider.close()
            await self._blobs.close()

    def _say_ready(self) -> None:
        settings = self._settings
        print(
            f"Palio is ready at {self._address}  (data: {settings.data}, token: {settings.token_file})",
            file=sys.stderr,
            flush=True,
        )


def _entrants(settings: Settings, providers: Mapping[str, Provider]) -> Iterator[Entrant]:
    """The providers as the race knows them."""
    for name, provider in providers.items():
        chosen = settings.providers.get(name)
        yield Entrant(
            name=name,
            places=provider.concurrency,
            rate=Rate(*chosen.rate) if chosen is not None and chosen.rate is not None else None,
            quality=chosen.quality if chosen is not None else 0.0,
            stand_in=provider.stand_in,
            policy=Policy(
                shop_refusals=chosen is not None and chosen.on_refusal == "next",
                repeat_ambiguous=provider.free or (chosen is not None and chosen.on_ambiguous == "next"),
            ),
        )


class _Server(uvicorn.Server):
    """uvicorn, but replies that are held for a workflow's end are let go when it is time to stop.

    It also stops when what runs beside it has failed: to accept workflows that nobody runs would be worse.
    """

    def __init__(self, config: uvicorn.Config, palio: Palio) -> None:
        super().__init__(config)
        self._palio = palio

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._palio.has_failed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._palio.orchestrator.announcer.close()
        await super().shutdown(sockets)


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    """The store, for this process alone: two would both run what they find unfinished."""
    make_data_folder(settings)
    with _lock(settings), closing(open_store(settings)) as store:
        if not store.database.is_sqlite and not store.database.reserve():
            raise SetupError("another Palio server uses the database; stop it, or choose another with database_url")
        yield store


def _lock(settings: Settings) -> AbstractContextManager[object]:
    try:
        return FileLock(settings.data / "server.lock").acquire(blocking=False)
    except Timeout:
        raise SetupError(
            f"another Palio server uses the data folder {settings.data}; stop it, or choose another with --data"
        ) from None
