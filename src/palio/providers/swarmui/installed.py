"""What a server has: its models, and the parameters that it takes.

Source: github mcmonkeyprojects/SwarmUI @062407c7, its documentation of routes, and `src/WebAPI/T2IAPI.cs`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from palio.contract.json import Json
from palio.providers.hosted.files import file_for

KINDS: Mapping[str, str] = {"model": "Stable-Diffusion", "lora": "LoRA", "vae": "VAE", "embedding": "Embedding"}
"""What the server calls its folders; models of all families lie in the first."""
SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Installed:
    """The models of each kind by their names, folders among these, and what each parameter can be chosen from.

    A parameter that is no choice has nothing to choose from.
    """

    models: Mapping[str, frozenset[str]]
    parameters: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, listed: Json) -> "Installed":
        """From what `ListT2IParams` answers."""
        models = _at(listed, "models")
        parameters = _at(listed, "list")
        return cls(
            {kind: frozenset(_names(_at(models, folder))) for kind, folder in KINDS.items()},
            dict(_parameters(parameters if isinstance(parameters, list) else [])),
        )

    def named(self, kind: str, name: str) -> str | None:
        """The model of a name, in whatever folder it lies."""
        there = sorted(self.models.get(kind, ()))
        wanted = name.removesuffix(SUFFIX)
        exact = (model for model in there if model.removesuffix(SUFFIX) == wanted)
        anywhere = (model for model in there if PurePosixPath(model).name.removesuffix(SUFFIX) == wanted)
        return next(exact, next(anywhere, None))

    def for_air(self, kind: str, air: str, named: Mapping[str, str]) -> str | None:
        """The model that an AIR stands for."""
        file = file_for(air, self.models.get(kind, ()), named)
        return self.named(kind, file) if file is not None else None


def _names(models: Json) -> Iterator[str]:
    """Names; newer servers tell the architecture of each beside it."""
    for model in models if isinstance(models, list) else []:
        name = model[0] if isinstance(model, list) and model else model
        if isinstance(name, str):
            yield name


def _parameters(listed: list[Json]) -> Iterator[tuple[str, frozenset[str]]]:
    for one in listed:
        values = _at(one, "values")
        if isinstance(id_ := _at(one, "id"), str):
            # What is chosen, and how that is shown, are told in one.
            choices = values if isinstance(values, list) else []
            yield id_, frozenset(value.partition("///")[0] for value in choices if isinstance(value, str))


def _at(value: Json, member: str) -> Json:
    return value.get(member) if isinstance(value, dict) else None
