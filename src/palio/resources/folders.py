"""The operator's folders: which files with weights lie in them.

A folder that holds a `model_index.json` is a pipeline in parts, and counts as one.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_FILES = 20_000
"""Files that are known at most; what lies beyond is not found."""
MAX_ENTRIES = 500_000
"""Names that are looked at in one scan."""
MAX_DEPTH = 8
PIPELINE = "model_index.json"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file as the last scan saw it. `name` is its path below the folder; a pipeline's size is 0."""

    path: Path
    name: str
    size: int
    mtime_ns: int
    is_pipeline: bool = False


def scan(folders: Iterable[Path], suffixes: tuple[str, ...]) -> list[LocalFile]:
    """The files with one of these suffixes, by path. Blocks; what cannot be read is left out."""
    found: dict[Path, LocalFile] = {}
    budget = [MAX_ENTRIES]
    seen: set[tuple[int, int]] = set()
    for folder in folders:
        for file in _below(folder, "", suffixes, seen, budget):
            found[file.path] = file
            if len(found) >= MAX_FILES:
                return sorted(found.values(), key=lambda file: file.path)
    return sorted(found.values(), key=lambda file: file.path)


def look(path: Path, name: str | None = None) -> LocalFile | None:
    """A file or pipeline as it is now; None if there is none, or what is there is neither."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    is_pipeline = stat.S_ISDIR(status.st_mode)
    if not is_pipeline and not stat.S_ISREG(status.st_mode):
        return None  # A pipe would be waited for without end.
    return LocalFile(path, name or path.name, 0 if is_pipeline else status.st_size, status.st_mtime_ns, is_pipeline)


def _below(
    folder: Path, name: str, suffixes: tuple[str, ...], seen: set[tuple[int, int]], budget: list[int], depth: int = 0
) -> Iterator[LocalFile]:
    entries = _entries(folder, seen, budget)
    if any(entry.name == PIPELINE for entry in entries):
        if (pipeline := look(folder, name or folder.name)) is not None:
            yield pipeline
        return
    for entry in entries:
        below = f"{name}/{entry.name}" if name else entry.name
        if _is_folder(entry):
            if depth < MAX_DEPTH:
                yield from _below(folder / entry.name, below, suffixes, seen, budget, depth + 1)
        elif entry.name.lower().endswith(suffixes) and (file := look(folder / entry.name, below)) is not None:
            yield file


def _entries(folder: Path, seen: set[tuple[int, int]], budget: list[int]) -> list["os.DirEntry[str]"]:
    """What is in a folder, in order; nothing of one that was seen before, as links may lead in circles."""
    entries: list[os.DirEntry[str]] = []
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return []
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as names:
            for entry in names:
                if budget[0] <= 0:
                    break
                budget[0] -= 1
                if not entry.name.startswith("."):
                    entries.append(entry)
    except OSError:
        return []
    return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
