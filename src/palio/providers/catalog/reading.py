"""From TOML to a catalog. A model may name a `shape`, members that it shares with others, and put its own over them."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias

import msgspec

from palio.contract.image.job import ImageJob
from palio.errors import SetupError
from palio.providers.catalog.fitting import Fit, fit, is_meant
from palio.providers.catalog.model import Model

Table: TypeAlias = dict[str, object]
"""As TOML has it, with dates."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A catalog as it is written. `models` are by the vendor's ids."""

    vendor: str
    models: dict[str, Table]
    shapes: dict[str, Table] = {}


@dataclass(frozen=True, slots=True)
class Catalog:
    """The models of a vendor."""

    vendor: str
    names: tuple[str, ...]
    """What the models are called here: the vendor's ids, unless one id serves several families."""
    models: tuple[Model, ...]

    def best(self, job: ImageJob, lacks: Callable[[Model, ImageJob], str | None] = lambda *_: None) -> Fit | str:
        """The cheapest model that can do a job, or why none can. `lacks` says what is not there for a model to run."""
        meant = [model for model in self.models if is_meant(model, job)]
        if not meant:
            return f"has no {job.family} {_named(job)}" if job.operation == "create" else _no_way(job)
        answers = [lacks(model, job) or fit(model, job) for model in meant]
        fits = [answer for answer in answers if isinstance(answer, Fit)]
        if not fits:
            return "; ".join(_told(meant, answers))
        return min(fits, key=lambda found: (found.price is None, found.price or 0.0))

    def model(self, name: str) -> Model | None:
        """A model by the vendor's id."""
        return next((model for model in self.models if model.id == name), None)


def read_catalog(vendor: str, more: Mapping[str, Mapping[str, object]] | None = None, at: str = "") -> Catalog:
    """A vendor's catalog, with what the operator adds to it or changes in it (`more`, which stands `at`).

    Raises SetupError naming the model and the member that cannot be read.
    """
    file = _file(vendor)
    tables = dict(file.models)
    for name, table in (more or {}).items():
        tables[name] = _over(tables.get(name, {}), table)
    models = tuple(_model(name, table, file.shapes, at) for name, table in tables.items())
    return Catalog(vendor, tuple(tables), models)


@cache
def _file(vendor: str) -> _File:
    text = resources.files(__package__).joinpath(f"{vendor}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _File)


def _model(name: str, table: Table, shapes: Mapping[str, Table], at: str) -> Model:
    members = dict(table)
    shape = members.pop("shape", None)
    if shape is not None and (not isinstance(shape, str) or shape not in shapes):
        raise SetupError(f"{at}.{name}.shape: must be one of {', '.join(shapes)}, not {shape!r}")
    base = shapes[shape] if isinstance(shape, str) else {}
    # A table's name is the vendor's id, unless it says another: one id may serve several families.
    whole = _over(_over(base, members), {"id": members.get("id", name)})
    try:
        return msgspec.convert(whole, Model)
    except msgspec.ValidationError as error:
        raise SetupError(f"{at}.{name}: {error}") from None


def _over(below: Mapping[str, object], above: Mapping[str, object]) -> Table:
    """Tables put over each other member by member; an empty table takes a member away."""
    merged: Table = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if value == {}:
            merged.pop(name, None)
        elif isinstance(under, dict) and isinstance(value, dict):
            merged[name] = _over(under, value)
        else:
            merged[name] = value
    return merged


def _told(meant: Sequence[Model], answers: Sequence[Fit | str]) -> Iterator[str]:
    for model, answer in zip(meant, answers, strict=True):
        yield f"{model.id} {answer}"


def _named(job: ImageJob) -> str:
    return job.model if len(job.model) <= 100 else f"{job.model[:100]}..."


def _no_way(job: ImageJob) -> str:
    return f"has no {job.family} {_named(job)} that can {'edit' if job.operation == 'edit' else 'vary'} images"
