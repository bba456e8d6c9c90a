"""One file on its way from a site to the shelf: from where an earlier try came to, to the last byte, checked."""

import asyncio
import errno
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec

from palio.resources.failures import SHORT, Passing, Unavailable
from palio.resources.part import PIECE, Part
from palio.resources.shelf import Note, Shelf, part_of
from palio.resources.sites import Remote
from palio.resources.threads import in_thread
from palio.resources.web import Web, chunks
from palio.resources.weights import Tell

SLACK = 1024 * 1024
"""Bytes by which a file may be larger than its site said."""
_LOOK_AGAIN = 0.5
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


class Transfer:
    """Brings `remote` to `place`. `promised` are the sizes of all files on their way, by their places."""

    def __init__(self, web: Web, shelf: Shelf, remote: Remote, key: str, promised: dict[Path, int], tell: Tell) -> None:
        self.place = shelf.place(key, remote.suffix)
        self._web = web
        self._shelf = shelf
        self._remote = remote
        self._note = Note(key, remote.name, remote.size, remote.sha256)
        self._promised = promised
        self._tell = tell

    async def to_the_end(self) -> Path:
        """The file, once it is whole. Raises Unavailable; what came stays for the next time."""
        try:
            await in_thread(lambda: self._shelf.folder.mkdir(parents=True, exist_ok=True))
            part = await self._hold()
            if part is None:
                return self.place
            self._promised[self.place] = self._remote.size
            try:
                await self._take_up(part)
                return await self._web.patience.persistence.of(lambda: self._try(part))
            except OSError as error:
                raise self._unwritable(error, part) from None
            finally:
                del self._promised[self.place]
                part.close()
        except OSError as error:
            raise self._unwritable(error) from None

    async def _hold(self) -> Part | None:
        """The part, as soon as no other process has it; None if that has brought the file.

        It may bring it at any moment before the part is held, and none after that.
        """
        path = part_of(self.place)
        while not self.place.exists():
            if (part := Part.hold(path)) is None:
                with suppress(OSError):
                    self._tell(min(1.0, path.stat().st_size / max(1, self._remote.size)))
                await asyncio.sleep(_LOOK_AGAIN)
            elif self.place.exists():
                part.remove()
                part.close()
            else:
                return part
        return None

    async def _take_up(self, part: Part) -> None:
        """Go on where an earlier process stopped, if that was on its way to the same file."""
        promised = dict(self._promised)  # as it is now: others come and go while the thread reads
        await in_thread(lambda: self._shelf.make_room(self.place, self._remote.size, promised))
        earlier = self._shelf.note(self.place)
        if earlier is not None and earlier.is_same(self._note):
            self._note = earlier
            while await in_thread(part.measure):
                self._show(part)
        else:
            await in_thread(part.begin_anew)
            self._shelf.write_note(self.place, self._note)

    async def _try(self, part: Part) -> Path:
        sha256, began = self._remote.sha256, part.position
        if sha256 is None or part.sha256 != sha256:
            try:
                async with self._web.get(self._remote.url, self._range(part)) as response:
                    if response.status_code == 416:
                        part.begin_anew()
                        raise Passing(f"{response.request.url.host} cannot go on from where it stopped")
                    self._web.accept(response)
                    await self._receive(response, part, self._total(response, part))
            except Passing as failure:
                failure.gained = max(0, part.position - began)
                raise
        return await self._finish(part)

    def _range(self, part: Part) -> Mapping[str, str]:
        """What asks for the rest, where it is sure that it will be that of the same file."""
        if part.position and self._note.etag is None and self._remote.sha256 is None:
            part.begin_anew()
        if not part.position:
            return {}
        if_range = {"If-Range": self._note.etag} if self._note.etag is not None else {}
        return {"Range": f"bytes={part.position}-", **if_range}

    def _total(self, response: httpx.Response, part: Part) -> int | None:
        """How long the whole file is, if the answer says so; the part is where the answer goes on."""
        host, headers = response.request.url.host, response.headers
        if headers.get("Content-Type", "").lower().startswith("text/html"):
            raise Unavailable(f"{host} answered with a web page instead of the file: it probably wants a login")
        if response.status_code == 206:
            found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            if found is None or int(found[1]) != part.position:
                part.begin_anew()
                raise Passing(f"{host} did not go on from where it stopped")
            total = None if found[2] == "*" else int(found[2])
        else:
            part.begin_anew()
            length = headers.get("Content-Length", "")
            total = int(length[:18]) if length.isascii() and length.isdigit() else None
            self._keep_etag(headers.get("ETag"))
        if total is not None and total > self._remote.size + SLACK:
            raise Unavailable(self._too_large)
        return total

    def _keep_etag(self, etag: str | None) -> None:
        strong = etag if etag is not None and etag.startswith('"') and len(etag) <= 200 else None
        if strong != self._note.etag:
            self._note = msgspec.structs.replace(self._note, etag=strong)
            self._shelf.write_note(self.place, self._note)

    async def _receive(self, response: httpx.Response, part: Part, total: int | None) -> None:
        """Write what comes, as it comes."""
        patience, loop = self._web.patience, asyncio.get_running_loop()
        buffer, seen, mark = bytearray(), part.position, part.position
        try:
            async with asyncio.timeout(patience.slow_seconds) as limit:
                async for chunk in chunks(response):
                    buffer += chunk
                    seen += len(chunk)
                    if seen > self._remote.size + SLACK:
                        raise Unavailable(self._too_large)
                    if len(buffer) >= PIECE:
                        data, buffer = bytes(buffer), bytearray()
                        await in_thread(lambda data=data: part.write(data))  # type: ignore[misc]
                        self._show(part)
                    if seen - mark >= patience.slow_bytes:
                        mark = seen
                        limit.reschedule(loop.time() + patience.slow_seconds)
        except TimeoutError:
            raise Passing(f"{response.request.url.host} is too slow") from None
        finally:
            await in_thread(lambda: part.write(bytes(buffer)))
        if part.position != (total if total is not None else part.position):
            raise Passing(f"{response.request.url.host} sent {part.position} of {total} bytes")

    async def _finish(self, part: Part) -> Path:
        """Check what came, and let it be seen."""
        sha256, remote = self._remote.sha256, self._remote
        is_right = part.sha256 == sha256 if sha256 is not None else not remote.is_exact or part.position == remote.size
        if not is_right and part.is_resumed:
            part.begin_anew()
            raise Passing("what had come before does not fit to the rest")
        if not is_right or not await in_thread(lambda: part.is_of(remote.suffix)):
            part.remove()
            what = f"of format {remote.suffix}" if is_right else "with the hash or size that the site says"
            raise Unavailable(f"what came is no file {what}")
        self._shelf.write_note(self.place, msgspec.structs.replace(self._note, sha256=part.sha256))
        await in_thread(lambda: part.become(self.place))
        self._tell(1.0)
        return self.place

    def _show(self, part: Part) -> None:
        self._tell(min(1.0, part.position / max(1, self._remote.size)))

    @property
    def _too_large(self) -> str:
        return f"the file is larger than the {self._remote.size} bytes that its site says"

    def _unwritable(self, error: OSError, part: Part | None = None) -> Unavailable:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            if part is not None:
                part.remove()  # Others on this disk need it more, the database among them.
            return Unavailable("the disk is full", SHORT)
        return Unavailable(f"the file cannot be written: {error.strerror or error}", SHORT)
