"""Blobs as the engine and the surfaces use them. Blocking work is done on a few threads of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import ParamSpec, TypeAlias, TypeVar

from palio.blobs import images
from palio.blobs.fetch import Fetcher
from palio.blobs.images import ImageLimits, Picture, UnreadableImage
from palio.blobs.inputs import BadImage, load_image
from palio.blobs.names import format_of, is_blob_id, new_blob_id, preview_key
from palio.blobs.objects import ObjectStore
from palio.blobs.signing import Signer
from palio.contract.image.job import OutputFormat
from palio.contract.instant import now
from palio.errors import TooBusy

P = ParamSpec("P")
T = TypeVar("T")

SMALL = 32 * 1024
"""Bytes up to which a blob lies in its record: making a file costs more than writing such a row."""

TINY = 4096
"""Bytes up to which a picture may be looked at on the event loop."""

TINY_LIMITS = ImageLimits(max_pixels=128 * 128)

Recorded: TypeAlias = Callable[[str], Awaitable[bytes | None]]
"""Finds the bytes of a small blob by its id."""

THREADS = 4
"""Syncs of several files share the disk's flushes; more threads gain little."""
MAX_WAITING = 1000
"""Reads and inputs under way or waiting for a thread; more are refused. What jobs made is never refused."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that is finished, and where it is to lie. `width` and `height` are pixels, `size` bytes.

    A small one comes back as `data`, to be recorded in the database. Any other is in the object store, and `sync`
    blocks until it will survive a power cut.
    """

    media_type: str
    width: int
    height: int
    size: int
    data: bytes | None = None
    sync: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it is sent to a client."""

    data: bytes
    media_type: str


class Blobs:
    """Keeps, finds and names files. Who owns a file is recorded elsewhere."""

    def __init__(
        self, objects: ObjectStore, recorded: Recorded, signer: Signer, limits: ImageLimits, fetcher: Fetcher
    ) -> None:
        self.signer = signer
        self._recorded = recorded
        self._objects = objects
        self._limits = limits
        self._fetcher = fetcher
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="palio-blobs")
        self._waiting = 0

    async def keep(
        self,
        blob_id: str,
        data: bytes,
        *,
        format: OutputFormat,
        image_metadata: str | None,
        provenance: Mapping[str, str],
    ) -> Kept:
        """Check and finish an image (see `images.finish`) and keep it under an id of that format.

        Keeping again replaces. Raises UnreadableImage, StorageError, and BadRequest for text that is too long.
        """
        if not is_blob_id(blob_id) or format_of(blob_id) is not format:
            raise ValueError(f"{blob_id} is not the id of a {format} blob")
        if len(data) <= TINY:
            # Done before a thread would have begun; unless few bytes make many pixels, and a thread has to see.
            with suppress(UnreadableImage):
                return self._finish_and_put(blob_id, data, format, image_metadata, provenance, TINY_LIMITS)
        return await self._run(
            self._finish_and_put, blob_id, data, format, image_metadata, dict(provenance), self._limits
        )

    async def add(self, data: bytes) -> tuple[str, Kept]:
        """Keep an image that a user sent, under a new id. GIF becomes PNG. Raises UnreadableImage, StorageError."""
        return await self._run_if_free(self._add, data)

    async def load(self, reference: str) -> bytes:
        """The image that a user's reference leads to, as PNG, JPEG or WebP. Raises BadImage.

        Signed URLs of this server are read from the store and not over HTTP.
        """
        own = self.signer.own_blob(reference, now())
        if own is None:
            return await load_image(reference, self._limits, self._fetcher, self._run_if_free)
        blob_id, preview = own
        content = await self.read(blob_id, preview=preview)
        if content is None:
            raise BadImage(f"there is no blob {blob_id}")
        return content.data

    async def read(self, blob_id: str, *, preview: bool = False) -> Content | None:
        """A file or its preview; None if there is none. Previews are made when first asked for, and kept."""
        if not is_blob_id(blob_id):
            return None
        data = await self._recorded(blob_id)
        if preview:
            data = await self._run_if_free(self._preview, blob_id, data)
            return None if data is None else Content(data, OutputFormat.jpeg.media_type)
        if data is None:
            data = await self._run_if_free(self._objects.get, blob_id)
        return None if data is None else Content(data, format_of(blob_id).media_type)

    async def delete(self, blob_id: str) -> None:
        """Drop a file and its preview; having none is no error."""
        if is_blob_id(blob_id):
            await self._run(self._delete, blob_id)

    def url(self, base_url: str, blob_id: str, now: datetime, preview: bool = False) -> tuple[str, datetime]:
        """A signed URL and when it expires, see `Signer.url`."""
        return self.signer.url(base_url, blob_id, now, preview)

    async def close(self) -> None:
        """Finish what is being written and let go of everything."""
        await asyncio.to_thread(self._executor.shutdown)
        await self._fetcher.close()

    def _finish_and_put(
        self,
        blob_id: str,
        data: bytes,
        format: OutputFormat,
        image_metadata: str | None,
        provenance: Mapping[str, str],
        limits: ImageLimits,
    ) -> Kept:
        picture = images.finish(
            data, format=format, image_metadata=image_metadata, provenance=provenance, limits=limits
        )
        return self._keep(blob_id, picture)

    def _add(self, data: bytes) -> tuple[str, Kept]:
        picture = images.as_input(data, self._limits)
        blob_id = new_blob_id(picture.format.extension)
        return blob_id, self._keep(blob_id, picture)

    def _preview(self, blob_id: str, data: bytes | None) -> bytes | None:
        key = preview_key(blob_id)
        preview = self._objects.get(key)
        if preview is not None:
            return preview
        data = data if data is not None else self._objects.get(blob_id)
        if data is None:
            return None
        try:
            preview = images.preview(data, limits=self._limits)
        except UnreadableImage:
            return None
        self._objects.put(key, preview)
        return preview

    def _keep(self, blob_id: str, picture: Picture) -> Kept:
        size = len(picture.data)
        kept = Kept(picture.format.media_type, picture.width, picture.height, size)
        if size <= SMALL:
            return replace(kept, data=picture.data)
        self._objects.put(blob_id, picture.data)
        return replace(kept, sync=partial(self._objects.sync, blob_id))

    def _delete(self, blob_id: str) -> None:
        self._objects.delete(preview_key(blob_id))
        self._objects.delete(blob_id)

    async def _run_if_free(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= MAX_WAITING:
            raise TooBusy("too many files are being read at the same time; try again in a moment")
        return await self._run(work, *args, **kwargs)

    async def _run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, partial(work, *args, **kwargs))
        finally:
            self._waiting -= 1
