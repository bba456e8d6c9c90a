"""What model sites say about the file that an AIR stands for.

Civitai: `GET /api/v1/model-versions/{id}`, as its developer pages describe it. Hugging Face: `GET
/api/models/{repo}/revision/{revision}?blobs=true` for the files of a repository, `/{repo}/resolve/{revision}/{file}`
for their bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import msgspec

from palio.contract.air import Air
from palio.resources.failures import Unavailable
from palio.resources.naming import PICKLES, SAFE, is_format, suffix_of
from palio.resources.web import Web

_MOST_KB = 2.0**50
"""Of a file; who says more says nonsense."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at a site. `size` is about how many bytes it has, and exactly where `is_exact`."""

    url: str
    name: str
    size: int
    sha256: str | None
    is_exact: bool = False

    @property
    def suffix(self) -> str:
        return suffix_of(self.name)


class Site(Protocol):
    """Knows the files of AIRs of one source."""

    def why_not(self, air: Air) -> str | None:
        """Why an AIR names no file that the site could have; None if it may. Answers at once."""

    async def describe(self, air: Air, suffixes: tuple[str, ...]) -> Remote:
        """The file that an AIR stands for, if its format is one of those. Raises Unavailable."""


class _FileFormat(msgspec.Struct):
    format: str | None = None


class _ModelFile(msgspec.Struct, rename="camel"):
    id: int = 0
    name: str = ""
    type: str | None = None
    primary: bool | None = None
    size_kb: float | None = msgspec.field(name="sizeKB", default=None)
    metadata: _FileFormat | None = None
    pickle_scan_result: str | None = None
    virus_scan_result: str | None = None
    hashes: dict[str, str | None] | None = None
    download_url: str | None = None


class _ModelVersion(msgspec.Struct, rename="camel"):
    id: int
    model_id: int | None = None
    files: list[_ModelFile] = []


class ModelSite:
    """Civitai, or a server that answers as it does."""

    def __init__(self, url: str, web: Web) -> None:
        self._url = url
        self._web = web

    def why_not(self, air: Air) -> str | None:
        if air.version is None or not (air.version.isascii() and air.version.isdigit()):
            return "it names no version of the model by its number"
        return None

    async def describe(self, air: Air, suffixes: tuple[str, ...]) -> Remote:
        version = await self._web.document(f"{self._url}/api/v1/model-versions/{air.version}", _ModelVersion)
        if version.model_id is not None and str(version.model_id) != air.id:
            raise Unavailable(f"version {air.version} is one of model {version.model_id}, not of {air.id}")
        file = _choose(version.files, air, suffixes)
        if "Danger" in (file.pickle_scan_result, file.virus_scan_result):
            raise Unavailable(f"the site's scan says that {file.name} is dangerous")
        if file.size_kb is None or not 0 <= file.size_kb <= _MOST_KB or not file.download_url:
            raise Unavailable(f"the site does not say how large {file.name} is, or where")
        sha256 = next((hash_ for kind, hash_ in (file.hashes or {}).items() if kind.upper() == "SHA256"), None)
        return Remote(file.download_url, file.name, round(file.size_kb * 1024), _hash(sha256))


def _choose(files: Sequence[_ModelFile], air: Air, suffixes: tuple[str, ...]) -> _ModelFile:
    """The file that is named; else the primary one, or the only model there is, of those that can be loaded."""
    if air.file is not None:
        files = [file for file in files if str(file.id) == air.file]
    files = [file for file in files if is_format(suffix_of(file.name), air.format)]
    if not files:
        raise Unavailable("the site has no such file of that version")
    usable = [file for file in files if _loads(file, suffixes)]
    if not usable:
        raise Unavailable(_unusable([file.name for file in files], suffixes))
    primary = [file for file in usable if file.primary] or [file for file in usable if file.type == "Model"]
    return (primary or usable)[0]


def _loads(file: _ModelFile, suffixes: tuple[str, ...]) -> bool:
    is_pickle = file.metadata is not None and file.metadata.format == "PickleTensor"
    return suffix_of(file.name) in suffixes and (not is_pickle or PICKLES[0] in suffixes)


class _Blob(msgspec.Struct):
    sha256: str | None = None


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    lfs: _Blob | None = None


class _Repository(msgspec.Struct):
    siblings: list[_Sibling] = []


class Hub:
    """Hugging Face, or a server that answers as it does.

    An id is `owner/repository`, or `owner/repository/path/to/file` where the repository has several files.
    """

    def __init__(self, url: str, web: Web) -> None:
        self._url = url
        self._web = web

    def why_not(self, air: Air) -> str | None:
        parts = air.id.split("/")
        if len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
            return "it names no repository, such as owner/name"
        return None

    async def describe(self, air: Air, suffixes: tuple[str, ...]) -> Remote:
        owner, repository, *path = air.id.split("/")
        revision = quote(air.version or "main", safe="")
        there = await self._web.document(
            f"{self._url}/api/models/{owner}/{repository}/revision/{revision}?blobs=true", _Repository
        )
        file = _sibling(there.siblings, "/".join(path), air, suffixes)
        if file.size is None:
            raise Unavailable(f"the hub does not say how large {file.rfilename} is")
        url = f"{self._url}/{owner}/{repository}/resolve/{revision}/{quote(file.rfilename)}"
        sha256 = _hash(file.lfs.sha256 if file.lfs is not None else None)
        return Remote(url, file.rfilename, file.size, sha256, is_exact=True)


def _sibling(there: Sequence[_Sibling], path: str, air: Air, suffixes: tuple[str, ...]) -> _Sibling:
    """The file that is named, with or without its format split off, or the only one that can be loaded."""
    names = {path, f"{path}.{air.format}"} if path else {file.rfilename for file in there}
    files = [file for file in there if file.rfilename in names]
    if not path:
        weights = (*SAFE, *PICKLES)
        files = [file for file in files if suffix_of(file.rfilename) in weights]
        files = [file for file in files if is_format(suffix_of(file.rfilename), air.format)]
    if not files:
        raise Unavailable("the hub has no such file in that repository")
    usable = [file for file in files if suffix_of(file.rfilename) in suffixes]
    if not usable:
        raise Unavailable(_unusable([file.rfilename for file in files], suffixes))
    if len(usable) > 1:
        raise Unavailable(f"the repository has {len(usable)} files with weights, and the AIR names none of them")
    return usable[0]


def _unusable(names: Sequence[str], suffixes: tuple[str, ...]) -> str:
    is_pickle = any(suffix_of(name) in PICKLES for name in names)
    why = " (pickled files can run code; [resources] allow_pickle)" if is_pickle else ""
    return f"none of its files is one of {', '.join(suffixes)}{why}: {', '.join(names)[:200]}"


def _hash(sha256: str | None) -> str | None:
    sha256 = (sha256 or "").lower()
    return sha256 if len(sha256) == 64 and all(digit in "0123456789abcdef" for digit in sha256) else None
