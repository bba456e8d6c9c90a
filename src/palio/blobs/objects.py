"""The object store: bytes by key, in a folder or in a bucket, there to stay once `sync` has returned.

Everything here blocks. Callers hand a whole piece of work (verify, write) to a thread at once, because one trip to
a thread costs as much as a write. Syncs wait for the disk and are left to whoever commits the record of the file.
"""

import contextlib
import os
import re
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url
from obstore.store import ObjectStore as Store

from palio.contract.identity import random_bytes
from palio.errors import BadRequest, PalioError, SetupError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}(?:\.[a-z0-9]{1,16}){0,2}")


class StorageError(PalioError):
    """The place where blobs are kept does not answer as it should."""


class ObjectStore:
    """Bytes by key. Keys are names, not paths; each lies in a folder named by its first two characters."""

    def __init__(self, store: Store, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder
        self._shards: set[Path] = set()

    @classmethod
    def open(cls, url_or_path: str) -> "ObjectStore":
        """The store at a path (made if it is not there), or in a bucket: `s3://`, `gs://`, `az://`.

        Credentials for buckets come from the environment variables of the respective cloud. Raises SetupError.
        """
        try:
            if "://" not in url_or_path:
                folder = Path(url_or_path).absolute()
                return cls(LocalStore(folder, mkdir=True), folder)
            return cls(
                from_url(
                    url_or_path,
                    client_options={"connect_timeout": "5s", "timeout": "60s"},
                    retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
                )
            )
        except (BaseError, OSError, ValueError, TypeError) as error:
            # Both may hold a password.
            message = f"blobs cannot be kept at {url_or_path}: {_reason(error)}"
            raise SetupError(re.sub(r"//[^/@\s]*@", "//***@", message)) from None

    def put(self, key: str, data: bytes) -> None:
        """Keep `data`, replacing what the key had. Readers see all of it; `sync` makes it durable."""
        path = _path(key)
        try:
            if self._folder is not None:
                self._put_in_folder(self._folder / path, data)
            else:
                obstore.put(self._store, path, data)
        except (BaseError, OSError) as error:
            raise StorageError(f"{key} cannot be kept: {_reason(error)}") from error

    def sync(self, key: str) -> None:
        """Returns when what was put under a key will survive a power cut. A bucket's put waited for that."""
        if self._folder is None:
            return
        path = self._folder / _path(key)
        try:
            # The bytes, then the name in its folder, then that folder's name.
            for synced in (path, path.parent, self._folder):
                descriptor = os.open(synced, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise StorageError(f"{key} cannot be kept: {_reason(error)}") from error

    def get(self, key: str) -> bytes | None:
        """The bytes of a key, or None."""
        try:
            return obstore.get(self._store, _path(key)).bytes().to_bytes()
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise StorageError(f"{key} cannot be read: {_reason(error)}") from error

    def exists(self, key: str) -> bool:
        """Whether a key has bytes."""
        try:
            obstore.head(self._store, _path(key))
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise StorageError(f"{key} cannot be read: {_reason(error)}") from error
        return True

    def delete(self, key: str) -> None:
        """Drop the bytes of a key; having none is no error."""
        try:
            obstore.delete(self._store, _path(key))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise StorageError(f"{key} cannot be deleted: {_reason(error)}") from error

    def _put_in_folder(self, path: Path, data: bytes) -> None:
        shard = path.parent
        if shard not in self._shards:
            shard.mkdir(exist_ok=True)
            self._shards.add(shard)
        # Under a passing name first: readers never see half a file.
        passing = f"{path}#{random_bytes(8).hex()}"
        try:
            with open(passing, "xb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
            os.replace(passing, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(passing)
            raise


def _path(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise BadRequest.at("blobId", "is not the id of a blob")
    return f"{key[:2]}/{key}"


def _reason(error: Exception) -> str:
    # obstore appends a dump of its internals after an empty line.
    return str(error).partition("\n")[0] or type(error).__name__
