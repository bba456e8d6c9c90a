"""Weights by AIR: the operator's files, and those that were or can be downloaded.

    path      what palio.toml names, was downloaded, has the right hash, or bears the version's number
    why_not   why it cannot be had either, as far as is known
    fetch     a scan if the last one is not fresh, a file with the hash that the site says, else a download

Folders are scanned in the background, and all that blocks is done in threads. Nothing is asked of the network unless
`[resources] download` is on.
"""

import asyncio
import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import httpx

from palio.contract.air import is_air, parse_air
from palio.errors import SetupError
from palio.resources.arrivals import Arrivals
from palio.resources.failures import Refusals, Unavailable
from palio.resources.folders import LocalFile, look, scan
from palio.resources.hashes import Hashes
from palio.resources.index import Found, Index
from palio.resources.naming import key_of, suffixes
from palio.resources.shelf import Shelf
from palio.resources.sites import Hub, ModelSite, Remote, Site
from palio.resources.threads import in_thread
from palio.resources.transfer import Transfer
from palio.resources.web import Patience, Web
from palio.resources.weights import NotFetched, Tell
from palio.settings import ResourcesSettings

log = logging.getLogger(__name__)

FRESH_SECONDS = 30.0
"""A scan is not made again before that time is over."""
MOST_AT_ONCE = 2
"""Downloads; others wait for them."""
_USUAL_TOKENS = ("CIVITAI_API_KEY", "CIVITAI_TOKEN")
_SIZE_SLACK = 1024
"""Sites give sizes in kilobytes."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Weights that are here. `air` is None where only a name could tell."""

    air: str | None
    path: Path
    size: int
    found: Found | None


class WeightStore:
    """Keeps to the Protocol `Weights`. Open, as a context, while anything is fetched."""

    def __init__(
        self,
        settings: ResourcesSettings,
        data: Path,
        transport: httpx.AsyncBaseTransport,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._suffixes = suffixes(allow_pickle=settings.allow_pickle)
        self._files = _by_key(settings.files)
        self._folders = [Path(os.path.realpath(folder)) for folder in settings.folders]
        tokens = _tokens(settings) if settings.download else {}
        self._web = Web(transport, tokens, patience or Patience())
        self._sites: Mapping[str, Site] = {
            "civitai": ModelSite(settings.site, self._web),
            "huggingface": Hub(settings.hub, self._web),
        }
        self._shelf = Shelf(data / "downloads", settings.max_bytes, self._is_listed)
        self._hashes = Hashes(data / "resources.sqlite")
        self._refusals = Refusals(time.monotonic)
        self._arrivals = Arrivals()
        self._index = Index()
        self._scanned: float | None = None
        self._scanning = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._promised: dict[Path, int] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(self._web.close)
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        await self._stack.enter_async_context(self._arrivals)
        scanner = group.create_task(self._keep_scanning())
        self._stack.callback(scanner.cancel)
        self._wanted.set()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def path(self, air: str) -> Path | None:
        found = self.find(air)
        return found[0] if found is not None else None

    def why_not(self, air: str) -> str | None:
        if not is_air(air):
            return f"{air} is no AIR"
        parsed, settings = parse_air(air), self._settings
        if (file := self._files.get(key_of(parsed))) is not None and (reason := self._cannot_use(file)) is not None:
            return f"palio.toml names {file} for {air}, {reason}"
        if self._is_scan_due:
            return None  # The file may have come since the last one.
        if not settings.download:
            return f"there is no file for {air} here, and [resources] download is off"
        site = self._sites.get(parsed.source.lower())
        if site is None:
            return f"there is no file for {air} here, and nothing is downloaded from {parsed.source}"
        if reason := site.why_not(parsed) or self._refusals.reason(key_of(parsed)):
            return f"{air} cannot be downloaded: {reason}"
        return None

    async def fetch(self, air: str, tell: Tell) -> Path:
        if (path := self.path(air)) is not None:
            return path
        if (reason := self.why_not(air)) is not None:
            raise NotFetched(reason)
        return await self._arrivals.wait(key_of(parse_air(air)), partial(self._bring, air), tell)

    def is_fetching(self, air: str) -> bool:
        """Whether it is on its way."""
        return key_of(parse_air(air)) in self._arrivals

    def find(self, air: str) -> tuple[Path, Found] | None:
        """The file or folder of an AIR, and by what it is known to be."""
        if not is_air(air):
            return None
        parsed = parse_air(air)
        key = key_of(parsed)
        if (file := self._files.get(key)) is not None:
            return None if self._cannot_use(file) else (file, Found.setting)
        if (path := self._shelf.find(key, self._suffixes)) is not None:
            return path, Found.download
        if (found := self._index.find(parsed)) is not None and found[0].exists():
            return found
        if self._is_scan_due:
            self._wanted.set()
        return None

    async def scan(self) -> int:
        """Look through the folders now; returns how many files there are."""
        async with self._scanning:
            await self._scan()
        return len(self._index.files)

    async def hash_all(self, tell: Tell) -> None:
        """Hash every file of the folders, so that none has to be when its hash is asked for."""
        files = [file for file in self._index.files if not file.is_pipeline]
        for number, file in enumerate(files):
            tell(number / len(files))
            await self._hash(file)
        tell(1.0)

    async def holdings(self) -> list[Holding]:
        """All that is here, by path."""
        return await in_thread(self._list)

    async def _bring(self, air: str, tell: Tell) -> Path:
        """Weights that were not here when they were asked for."""
        await self._scan_if_due()
        if (path := self.path(air)) is not None:
            return path
        if (reason := self.why_not(air)) is not None:
            raise NotFetched(reason)
        parsed = parse_air(air)
        key = key_of(parsed)
        try:
            async with self._slots:
                remote = await self._sites[parsed.source.lower()].describe(parsed, self._suffixes)
                if remote.size > self._settings.max_file_bytes:
                    raise Unavailable(f"it has {remote.size} bytes, and max_file_bytes is less")
                if (path := await self._with_hash(key, remote)) is not None:
                    return path
                path = await Transfer(self._web, self._shelf, remote, key, self._promised, tell).to_the_end()
                log.info("%s was downloaded to %s", air, path)
                return path
        except Unavailable as failure:
            self._refusals.note(key, failure)
            raise NotFetched(f"{air} cannot be downloaded: {failure}") from None

    async def _with_hash(self, key: str, remote: Remote) -> Path | None:
        """A file that is here already and has the hash that the site says."""
        if remote.sha256 is None:
            return None
        for file in self._index.of_size(remote.size, 0 if remote.is_exact else _SIZE_SLACK):
            if await self._hash(file, key, remote.sha256) == remote.sha256:
                self._index = Index.of(self._index.files, {**(self._index.named or {}), key: file.path})
                return file.path
        return None

    async def _hash(self, file: LocalFile, key: str = "", wanted: str | None = None) -> str | None:
        """The hash of a file, None if it cannot be had. One that is wanted is remembered as that of an AIR."""
        is_stopped = threading.Event()
        try:
            sha256 = await in_thread(partial(self._hashes.of, file, is_stopped), is_stopped.set)
            if sha256 == wanted:
                await in_thread(partial(self._hashes.name, key, sha256))
        except (OSError, sqlite3.Error) as error:
            log.warning("%s cannot be hashed: %s", file.path, error)
            return None
        return sha256

    async def _keep_scanning(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._scan_if_due()
            except Exception:
                self._scanned = time.monotonic()
                log.exception("the folders with weights could not be looked through")

    async def _scan_if_due(self) -> None:
        """Of many who ask at a time, one looks and the others wait for it."""
        if self._is_scan_due:
            async with self._scanning:
                if self._is_scan_due:
                    await self._scan()

    async def _scan(self) -> None:
        self._index = await in_thread(self._look_through)
        self._scanned = time.monotonic()

    @property
    def _is_scan_due(self) -> bool:
        if not self._folders:
            return False
        return self._scanned is None or time.monotonic() - self._scanned >= FRESH_SECONDS

    def _look_through(self) -> Index:
        files = scan(self._folders, self._suffixes)
        try:
            self._hashes.forget_others(files)
            paths = {sha256: path for path, sha256 in self._hashes.known(files).items()}
            named = {key: paths[sha256] for key, sha256 in self._hashes.names().items() if sha256 in paths}
        except (OSError, sqlite3.Error) as error:
            log.warning("the hashes of weights cannot be read: %s", error)
            named = {}
        return Index.of(files, named)

    def _list(self) -> list[Holding]:
        index, known = self._index, {path: key for key, path in (self._index.named or {}).items()}
        listed = [(key, look(path)) for key, path in self._files.items()]
        holdings = [Holding(f"urn:air:{key}", file.path, file.size, Found.setting) for key, file in listed if file]
        for file in index.files:
            key = known.get(file.path)
            holdings.append(
                Holding(f"urn:air:{key}", file.path, file.size, Found.hash)
                if key is not None
                else Holding(None, file.path, file.size, None)
            )
        for download in self._shelf.downloads():
            air = f"urn:air:{download.note.air}" if download.note is not None else None
            holdings.append(Holding(air, download.path, download.size, Found.download))
        return sorted(holdings, key=lambda holding: holding.path)

    def _cannot_use(self, file: Path) -> str | None:
        if not file.exists():
            return "which is not there"
        if file.is_file() and not file.name.lower().endswith(self._suffixes):
            return f"which is none of {', '.join(self._suffixes)}"
        return None

    def _is_listed(self, path: Path) -> bool:
        real = Path(os.path.realpath(path))
        named = any(real == Path(os.path.realpath(file)) for file in self._files.values())
        return named or any(real.is_relative_to(folder) for folder in self._folders)


def _by_key(files: Mapping[str, Path]) -> dict[str, Path]:
    for air in files:
        if not is_air(air):
            raise SetupError(f"[resources.files]: {air!r} is no AIR")
    return {key_of(parse_air(air)): path for air, path in files.items()}


def _tokens(settings: ResourcesSettings) -> dict[str, str]:
    """Tokens by site, of those whose variable holds one. Raises SetupError."""
    of_site = [settings.token_env] if settings.token_env is not None else _USUAL_TOKENS
    token = next((token for name in of_site if (token := _token(name))), None)
    of_hub = _token(settings.hub_token_env)
    return {site: token for site, token in ((settings.site, token), (settings.hub, of_hub)) if token}


def _token(variable: str) -> str:
    token = os.environ.get(variable, "").strip()
    if not re.fullmatch(r"[!-~]*", token):
        # Whoever refuses to send it would say what it is.
        raise SetupError(f"[resources]: the token in {variable} has characters that a token cannot have")
    return token
