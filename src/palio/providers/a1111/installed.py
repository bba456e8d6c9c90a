"""What a server has: which of the three it is, its weights, samplers and schedulers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PureWindowsPath

from palio.contract.json import Json
from palio.providers.hosted.files import file_for


class Flavour(StrEnum):
    """What a server is."""

    webui = "webui"
    """AUTOMATIC1111."""
    forge = "forge"
    sdnext = "sdnext"


@dataclass(frozen=True, slots=True)
class Weights:
    """One file: its name, how a request calls it, and what else the server calls it, hashes among that."""

    file: str
    word: str
    aliases: frozenset[str] = frozenset()

    @property
    def stem(self) -> str:
        """The name without folder and suffix, as answers tell it."""
        return PureWindowsPath(self.file).stem


@dataclass(frozen=True, slots=True)
class Installed:
    """The weights of each kind by the name of their file, and the words for sampling."""

    flavour: Flavour
    weights: Mapping[str, Mapping[str, Weights]]
    samplers: frozenset[str]
    schedulers: frozenset[str]

    @classmethod
    def read(cls, listed: Mapping[str, Json]) -> "Installed":
        """From what the addresses below `/sdapi/v1` list, by their names; None where a server has no such address."""
        is_forge = isinstance(listed.get("sd-modules"), list)
        # Only SD.Next calls the classes of samplers what others call schedulers.
        is_sdnext = any("cls" in item for item in _objects(listed.get("schedulers")))
        flavour = Flavour.forge if is_forge else Flavour.sdnext if is_sdnext else Flavour.webui
        weights = {
            "checkpoint": _by_file(_checkpoints(listed.get("sd-models"))),
            "lora": _by_file(_loras(listed.get("loras"))),
            # Forge takes VAEs and encoders alike, as modules by their paths.
            "module": _by_file(_modules(listed.get("sd-modules"), "filename")),
            "vae": _by_file(_modules(listed.get("sd-vae"), "model_name")),
        }
        schedulers = frozenset() if is_sdnext else frozenset(_texts(listed.get("schedulers"), "label"))
        return cls(flavour, weights, frozenset(_texts(listed.get("samplers"), "name")), schedulers)

    def find(self, kind: str, name: str) -> Weights | None:
        """A file by its name, or by anything else that the server calls it."""
        there = self.weights.get(kind, {})
        if found := there.get(name):
            return found
        return next((weights for weights in there.values() if name in weights.aliases), None)

    def find_air(self, kind: str, air: str, named: Mapping[str, str]) -> Weights | None:
        """The file that an AIR stands for."""
        file = file_for(air, self.weights.get(kind, {}), named)
        return self.find(kind, file) if file is not None else None


def _by_file(listed: Iterable[Weights]) -> dict[str, Weights]:
    return {weights.file: weights for weights in listed if weights.file and weights.word}


def _checkpoints(listed: Json) -> Iterator[Weights]:
    for item in _objects(listed):
        title = _text(item, "title")
        aliases = {title, _text(item, "model_name"), _text(item, "hash"), _text(item, "sha256")} - {""}
        yield Weights(_file(_text(item, "filename")), title, frozenset(aliases))


def _loras(listed: Json) -> Iterator[Weights]:
    for item in _objects(listed):
        name, path = _text(item, "name"), _text(item, "path")
        yield Weights(_file(path) or name, name, frozenset({name}))


def _modules(listed: Json, word: str) -> Iterator[Weights]:
    for item in _objects(listed):
        name = _text(item, "model_name")
        yield Weights(_file(_text(item, "filename")) or name, _text(item, word), frozenset({name}))


def _file(path: str) -> str:
    """The last part of a path at the server, whose system may be another than ours."""
    return PureWindowsPath(path).name


def _objects(listed: Json) -> list[Mapping[str, Json]]:
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _texts(listed: Json, member: str) -> Iterator[str]:
    return (text for item in _objects(listed) if (text := _text(item, member)))


def _text(item: Mapping[str, Json], member: str) -> str:
    value = item.get(member)
    return value if isinstance(value, str) else ""
