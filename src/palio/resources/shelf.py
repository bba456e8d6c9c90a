"""The folder with downloads: what is in it by AIR, and room for more.

Beside each file, or the part of one, lies a note that says what it is. The time of change of a file is when it was
last used: it is set whenever somebody asks for the file. All of this blocks, for as long as looking up a file takes.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from palio.resources.failures import SHORT, Unavailable
from palio.resources.part import Part

IN_USE_SECONDS = 900
"""A file that was asked for within that time is taken to be in use."""
_USE_TOLD_EVERY = 30
RESERVE = 256 * 1024 * 1024
"""Bytes that are left free on the disk, which may be that of the database."""
PART = ".part"
_NOTE = ".json"


class Note(msgspec.Struct, frozen=True):
    """What a download is. `air` without what says nothing about the file."""

    air: str
    name: str
    size: int
    sha256: str | None = None
    etag: str | None = None

    def is_same(self, other: "Note") -> bool:
        """Whether both are of the same file at the site."""
        return (self.air, self.size, self.sha256) == (other.air, other.size, other.sha256)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was downloaded."""

    path: Path
    size: int
    used: float
    note: Note | None


class Shelf:
    """`is_listed` says of which files the operator disposes."""

    def __init__(self, folder: Path, max_bytes: int, is_listed: Callable[[Path], bool]) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._is_listed = is_listed

    def place(self, key: str, suffix: str) -> Path:
        """Where the file of an AIR belongs."""
        words = re.sub(r"[^A-Za-z0-9._@+-]+", "-", key)[:120].strip(".-")
        return self.folder / f"{words}-{hashlib.sha256(key.encode()).hexdigest()[:8]}{suffix}"

    def find(self, key: str, suffixes: tuple[str, ...]) -> Path | None:
        """The file of an AIR, which is in use from now on."""
        for suffix in suffixes:
            path = self.place(key, suffix)
            try:
                used = path.stat().st_mtime
            except OSError:
                continue
            if abs(time.time() - used) > _USE_TOLD_EVERY:
                with suppress(OSError):
                    os.utime(path)
            return path
        return None

    def note(self, place: Path) -> Note | None:
        """What a file or its part is, if that is known."""
        try:
            return msgspec.json.decode(_note_of(place).read_bytes(), type=Note)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def write_note(self, place: Path, note: Note) -> None:
        """Keep what a file is. Raises OSError."""
        fresh = place.with_name(f"{place.name}{_NOTE}.{os.getpid()}")
        fresh.write_bytes(msgspec.json.encode(note))
        fresh.replace(_note_of(place))

    def downloads(self) -> list[Download]:
        """What was downloaded, by name."""
        return [
            Download(path, size, used, self.note(path)) for path, size, used in self._files() if path.suffix != PART
        ]

    def make_room(self, place: Path, size: int, promised: Mapping[Path, int]) -> None:
        """Make room for a file of a size, beside those that are on their way. Raises Unavailable if there is none."""
        on_their_way = {part_of(other): most for other, most in promised.items() if other != place}
        files = [
            (path, on_their_way.get(path, there), used)
            for path, there, used in self._files()
            if path not in (place, part_of(place))
        ]
        begun = sum(most for path, most in on_their_way.items() if not path.exists())
        excess = sum(there for _, there, _ in files) + begun + size - self._max_bytes
        unused = [file for file in files if file[0] not in on_their_way and not self._is_in_use(file[0], file[2])]
        if sum(there for _, there, _ in unused) >= excess:  # else nothing is given up, as that would be in vain
            for path, there, _ in sorted(unused, key=lambda file: file[2]):
                if excess <= 0:
                    break
                if self._remove(path):
                    excess -= there
        if excess > 0:
            what = "the downloads that are in use" if size <= self._max_bytes else "a file of that size"
            raise Unavailable(f"there is no room beside {what}: max_bytes is {self._max_bytes}", SHORT)
        left = size - _size(part_of(place))
        to_come = sum(max(0, most - _size(path)) for path, most in on_their_way.items())
        if shutil.disk_usage(self.folder).free < left + to_come + RESERVE:
            raise Unavailable(f"the disk is full: {left} bytes are to come", SHORT)

    def _is_in_use(self, path: Path, used: float) -> bool:
        """Whether a file has to stay; of a part, only who takes hold of it knows."""
        return path.suffix != PART and (time.time() - used < IN_USE_SECONDS or self._is_listed(path))

    def _remove(self, path: Path) -> bool:
        """Remove a file, or a part that no process has."""
        if path.suffix == PART:
            part = Part.hold(path)
            if part is None:
                return False
            part.remove()
            part.close()
        else:
            path.unlink(missing_ok=True)
        _note_of(path.with_suffix("") if path.suffix == PART else path).unlink(missing_ok=True)
        return True

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        """Every file and part, its size, and when it was last used."""
        try:
            paths = sorted(self.folder.iterdir())
        except OSError:
            return
        for path in paths:
            with suppress(OSError):
                status = path.stat()
                if path.is_file() and _NOTE not in path.suffixes[-2:]:
                    yield path, status.st_size, status.st_mtime


def part_of(place: Path) -> Path:
    """Where the part of a file lies."""
    return place.with_name(place.name + PART)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _note_of(place: Path) -> Path:
    return place.with_name(place.name + _NOTE)
