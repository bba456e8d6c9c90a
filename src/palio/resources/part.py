"""The beginning of a file that is being downloaded. It outlives the process, and one process at a time has it.

The lock is on the open file itself, so that it goes with the process and leaves nothing behind. All of this blocks.
"""

import fcntl
import hashlib
import json
import os
from pathlib import Path

PIECE = 1024 * 1024
"""Bytes that are written at a time."""
_MEASURED = 64 * PIECE
_MAX_HEADER = 100 * 1024 * 1024


class Part:
    """A part that is held. `position` is how many bytes of it are there and hashed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.position = 0
        self.is_resumed = False
        """Whether some of it was there before."""
        self._descriptor = descriptor
        self._hash = hashlib.sha256()

    @classmethod
    def hold(cls, path: Path) -> "Part | None":
        """The part at a path, which may be empty; None while another process has it. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before may have finished or removed it meanwhile.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return cls(path, descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    @property
    def sha256(self) -> str:
        """The hash of what is there."""
        return self._hash.hexdigest()

    def measure(self) -> bool:
        """Hash some more of what was there before; False at its end."""
        self.is_resumed = True
        for _ in range(_MEASURED // PIECE):
            data = os.pread(self._descriptor, PIECE, self.position)
            if not data:
                return False
            self._hash.update(data)
            self.position += len(data)
        return True

    def write(self, data: bytes) -> None:
        """Add bytes. Raises OSError."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, self.position)
            self._hash.update(view[:written])
            self.position += written
            view = view[written:]

    def begin_anew(self) -> None:
        """Drop what is there."""
        if os.fstat(self._descriptor).st_size:
            os.ftruncate(self._descriptor, 0)
        self.position = 0
        self.is_resumed = False
        self._hash = hashlib.sha256()

    def is_of(self, suffix: str) -> bool:
        """Whether it is a whole file of a format, as far as its first bytes and its length tell."""
        if suffix == ".gguf":
            return os.pread(self._descriptor, 4, 0) == b"GGUF"
        if suffix in (".safetensors", ".sft"):
            return self._is_safetensors()
        return True

    def become(self, path: Path) -> None:
        """Take its final place, whole and durable."""
        os.fsync(self._descriptor)
        self.path.replace(path)

    def remove(self) -> None:
        """Leave nothing of it."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)

    def _is_safetensors(self) -> bool:
        """The length of a JSON header, the header, and the bytes that it tells of, to the last."""
        length = int.from_bytes(os.pread(self._descriptor, 8, 0), "little")
        if not 2 <= length <= min(_MAX_HEADER, self.position - 8):
            return False
        try:
            header = json.loads(os.pread(self._descriptor, length, 8))
            tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
            end = max((int(tensor["data_offsets"][1]) for tensor in tensors), default=0)
        except (ValueError, OverflowError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            return False
        return 8 + length + end == self.position
