"""What a vendor made, on its way here: from the vendor's own host, from wherever it says, or within its answer."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from time import monotonic

from palio.errors import Futile, PalioError
from palio.providers.base import Ambiguous, Lost, ProviderError, RunFailed
from palio.providers.hosted.account import Account
from palio.providers.hosted.pictures import inline
from palio.providers.wire import TooLarge, Wire, pauses

MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_REDIRECTS = 3
TIMES_GONE = 3
"""How often in a row it must be said that something is gone: what was just made may not be everywhere yet."""


class Downloads:
    """Gets pictures from one account. `free` is whether a picture costs nothing, so that it may be made again.

    `renewed` says where a picture is whose URL was of no use.
    """

    def __init__(self, account: Account, wire: Wire, *, free: bool, renewed: Callable[[str], Awaitable[str]]) -> None:
        self._account = account
        self._wire = wire
        self._free = free
        self._renewed = renewed
        self._random = Random()  # noqa: S311 - spreads requests, not a secret

    async def picture(self, source: str) -> bytes:
        """The picture at a URL or in a data URL, for as long as there is patience: it was made and is probably paid."""
        until = monotonic() + self._account.limits.patience
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
            source = await self._renewed(source)

    def _given_up(self, trouble: PalioError) -> ProviderError:
        # A picture that costs nothing may simply be made again.
        kind = RunFailed if self._free else Ambiguous
        return kind(f"the picture was made and cannot be downloaded: {trouble}")

    async def _download(self, url: str) -> bytes:
        if url.startswith("data:"):
            return await asyncio.to_thread(inline, url)
        for _ in range(MAX_REDIRECTS + 1):
            if not self._wire.is_own(url):
                return await self._account.fetch(url, MAX_IMAGE_BYTES)
            seconds = 2 * self._account.limits.timeout
            answer = await self._wire.exchange("GET", url, seconds=seconds, max_bytes=MAX_IMAGE_BYTES)
            match answer.status:
                case 200:
                    return answer.body
                case 301 | 302 | 303 | 307 | 308:
                    if (whole := self._wire.absolute(url)) is None:
                        raise Futile("it redirects from an address that is none")
                    url = str(whole.join(answer.headers.get("Location", "")))
                case 404 | 410:
                    raise Lost(f"the picture is no longer there: {self._wire.told(answer)}")
                case _:
                    raise Ambiguous(self._wire.told(answer))
        raise Futile(f"{self._account.name} redirects more than {MAX_REDIRECTS} times")
