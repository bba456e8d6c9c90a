"""What an operator chose for a vendor."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import msgspec

from palio.providers.catalog.reading import Catalog

Fetch: TypeAlias = Callable[[str, int], Awaitable[bytes]]
"""Fetches a public URL of at most so many bytes, guarded as users' URLs are.

Raises PalioError, and Futile where no later try will do better.
"""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a vendor is waited for, in seconds; an operator may choose otherwise.

    `timeout` is for an answer, to its last byte, and twice that for what carries pictures. `patience` is for how long
    nothing need be heard of a run before it is given up, `deadline` for how long one may go on at a vendor that stops
    runs by itself.
    """

    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0
    patience: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 120.0
    deadline: Annotated[float, msgspec.Meta(ge=5, le=86400)] = 600.0


@dataclass(frozen=True, slots=True)
class Account:
    """A provider's place, key and models. `price` is USD per image and replaces that of the catalog."""

    name: str
    concurrency: int
    base_url: str
    key: str | None = field(repr=False)
    catalog: Catalog
    fetch: Fetch
    price: float | None = None
    limits: Limits = field(default_factory=Limits)
    files: Mapping[str, str] = field(default_factory=dict)
    """The names of files with weights at a server of one's own, by what an AIR comes to: `civitai:4384@128713`."""
