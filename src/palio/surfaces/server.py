"""The server: everything put together from the settings, and run until told to stop."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, closing, contextmanager
from datetime import timedelta
from random import Random
from typing import TypeAlias
from urllib.parse import urlsplit

import uvicorn
from filelock import FileLock, Timeout
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

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
from palio.surfaces.mcp.endpoint import METADATA, Doorway, McpEndpoint
from palio.surfaces.mcp.endpoint import PATH as MCP_PATH
from palio.surfaces.mcp.tools import Tools
from palio.surfaces.rest.accounts import Accounts
from palio.surfaces.rest.app import application
from palio.surfaces.rest.blob_operations import BlobOperations
from palio.surfaces.rest.operator_operations import OperatorOperations
from palio.surfaces.rest.workflow_operations import WorkflowOperations
from palio.surfaces.skill.operations import SkillOperations
from palio.surfaces.tokens import ensure_first_token, make_data_folder, open_store
from palio.surfaces.weights import weight_store

log = logging.getLogger(__name__)

Address: TypeAlias = tuple[str, int]
"""Host and port that a socket listens on."""

GRACE_SECONDS = 5
"""How long replies under way may take after the server was told to stop."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises SetupError."""
    set_up_logs(settings.log_level, json=settings.json_logs)
    with (
        listen(settings.host, settings.port, "port") as rest,
        listen(settings.host, settings.mcp_port, "mcp-port") as mcp,
        _store(settings) as store,
    ):
        ensure_first_token(settings, store.tokens)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_serve(settings, store, rest, mcp))


async def _serve(settings: Settings, store: Store, rest: socket.socket, mcp: socket.socket) -> None:
    await Palio(settings, store, rest.getsockname(), mcp.getsockname()).serve(rest, mcp)


class Palio:
    """One process of Palio: the parts, and the application that answers for them."""

    def __init__(self, settings: Settings, store: Store, rest: Address, mcp: Address) -> None:
        self.has_failed = False
        self._settings = settings
        self._address = _url(rest)
        self._mcp_address = _url(mcp) + MCP_PATH
        self._store = store
        # Apart from what users point at: a slow address of a stranger holds up no image that is paid for.
        self._results = Fetcher(FetchPolicy())
        self._weights = weight_store(settings)
        self._providers = configured(settings, self._results.fetch, self._weights)
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
            base_url=settings.public_url or self._address,
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
        service = WorkflowService(store.workflows, self.orchestrator, inputs, settings.max_wait_seconds)
        accounts = Accounts(store.tokens)
        doorway = Doorway(mcp[1], rest[1], settings.public_url, _names(settings), settings.max_body_bytes)
        tools = Tools(service, self._blobs, store.files, settings.max_wait_seconds)
        self.mcp = McpEndpoint(tools, accounts, doorway, with_aliases=settings.mcp_aliases)
        self.app = ByPort(self._application(service, accounts), {mcp[1]: self.mcp})

    async def serve(self, *listening: socket.socket) -> None:
        """Answer on sockets until told to stop. Raises PalioError if a part of the server fails."""
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
            await _Server(config, self).serve(sockets=list(listening))
        except SystemExit:  # uvicorn could not start
            self.has_failed = True
        if self.has_failed:
            raise PalioError("the server had to stop; its log says why")

    def _application(self, service: WorkflowService, accounts: Accounts) -> Starlette:
        settings, store = self._settings, self._store
        workflows = WorkflowOperations(
            service, self._blobs.signer, accounts, settings.public_url, settings.max_body_bytes
        )
        blobs = BlobOperations(
            store.files, self._blobs, accounts, settings.public_url, self._retention, settings.fetch_max_bytes
        )
        operators = OperatorOperations(self.orchestrator.room, accounts)
        operations = (
            *workflows.operations(),
            *blobs.operations(),
            *operators.operations(),
            *SkillOperations().operations(),
        )
        # As the service has it; and where one address is all that a proxy lets through.
        mcp = [Route(path, self.mcp) for path in (MCP_PATH, METADATA + MCP_PATH)]
        return application(operations, self._lifespan, mcp)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        try:
            async with self._opened():
                await self.orchestrator.take_up()
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self.orchestrator.serve()),
                        group.create_task(sweep_for_ever(self._store, self._blobs, self._retention)),
                    ]
                    sessions = group.create_task(self.mcp.serve())
                    self._say_ready()
                    # What is there now stays: no collection needs to look at it again.
                    gc.collect()
                    gc.freeze()
                    gc.set_threshold(20_000, 20, 20)
                    yield
                    self.mcp.stop()
                    await sessions
                    for task in tasks:
                        task.cancel()
        except BaseException:
            self.has_failed = True
            raise

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """The parts that reach outside, open; each is closed at the end, also when another cannot be."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._blobs.close)
            stack.push_async_callback(self._results.close)
            await stack.enter_async_context(self._weights)
            for provider in self._providers.values():
                stack.push_async_callback(provider.close)
            async with asyncio.TaskGroup() as group:
                for provider in self._providers.values():
                    group.create_task(provider.open())
            yield

    def _say_ready(self) -> None:
        settings = self._settings
        print(
            f"Palio is ready at {self._address}  "
            f"(MCP: {self._mcp_address}, data: {settings.data}, token: {settings.token_file})",
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
        # Before those who wait are let go, or a call that waits would take that for the end of a pause and wait on.
        self._palio.mcp.stop()
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


class ByPort:
    """An application for each port: one server answers on several, and starts and stops them together."""

    def __init__(self, otherwise: ASGIApp, by_port: Mapping[int, ASGIApp]) -> None:
        self._otherwise = otherwise
        self._by_port = by_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._by_port.get(scope["server"][1]) if scope["type"] == "http" else None
        await (app or self._otherwise)(scope, receive, send)


def _url(address: Address) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _names(settings: Settings) -> list[str]:
    """What this server is called by those who reach it other than by an address."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    return [name for name in dict.fromkeys((settings.host, public, socket.gethostname())) if name]
