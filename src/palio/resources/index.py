"""The operator's files by AIR, as of the last scan. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from palio.contract.air import Air
from palio.resources.folders import LocalFile
from palio.resources.naming import is_format, key_of, numbers_in, telling_numbers


class Found(StrEnum):
    """By what a file is known to be that of an AIR."""

    setting = "setting"
    """The operator says so."""
    name = "name"
    """Its name bears the number of the version."""
    hash = "hash"
    """It has the hash that the site says."""
    download = "download"
    """It was downloaded for it."""


@dataclass(frozen=True, slots=True)
class Index:
    """`named` are paths by key, as hashes tell."""

    files: tuple[LocalFile, ...] = ()
    named: Mapping[str, Path] | None = None
    _numbered: Mapping[str, tuple[LocalFile, ...]] | None = None

    @classmethod
    def of(cls, files: Iterable[LocalFile], named: Mapping[str, Path]) -> "Index":
        """An index of files."""
        numbered: defaultdict[str, list[LocalFile]] = defaultdict(list)
        files = tuple(files)
        for file in files:
            for number in numbers_in(file.name):
                numbered[number].append(file)
        return cls(files, named, {number: tuple(bearers) for number, bearers in numbered.items()})

    def find(self, air: Air) -> tuple[Path, Found] | None:
        """The file of an AIR: what a hash tells comes before what a name does."""
        if (path := (self.named or {}).get(key_of(air))) is not None:
            return path, Found.hash
        numbers = telling_numbers(air)
        if numbers is None or air.version is None:
            return None
        for file in (self._numbered or {}).get(air.version, ()):
            fits = file.is_pipeline if air.format in _PIPELINES else is_format(file.path.suffix, air.format)
            if numbers <= numbers_in(file.name) and fits:
                return file.path, Found.name
        return None

    def of_size(self, size: int, slack: int) -> list[LocalFile]:
        """The files of about a size."""
        return [file for file in self.files if not file.is_pipeline and abs(file.size - size) <= slack]


_PIPELINES = ("diffuser", "diffusers")
