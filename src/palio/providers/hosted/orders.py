"""What goes to a vendor, and what is kept of a run there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx
import msgspec

from palio.contract.image.job import ImageJob
from palio.contract.json import Json, JsonObject
from palio.providers.base import Handle
from palio.providers.catalog.model import Model
from palio.providers.hosted.payload import media_type


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a handle says: the vendor's id of a run, its model, when it began (Unix time), and where to ask.

    `cost` is USD, where the vendor says it as soon as it takes a job on; `nsfw_level` its judgement of a picture that
    came with that.
    """

    id: str
    model: str
    began: float
    urls: dict[str, str] = {}
    cost: float | None = None
    nsfw_level: str | None = None

    @property
    def handle(self) -> Handle:
        """How the ledger keeps it; `HostedProvider.run_in` reads it again."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Order:
    """A job on its way out: the model that fits it, and the payload made for that."""

    attempt_id: str
    job: ImageJob
    model: Model
    payload: JsonObject


@dataclass(frozen=True, slots=True)
class Form:
    """The body of a request that is not JSON."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `url` is relative to `base_url`, or absolute; at most one of `body` and `form` is there."""

    method: str
    url: str
    body: JsonObject | list[Json] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    """The run that is asked about, where the answer is about others too."""
    form: Form | None = None


def multipart(fields: Mapping[str, str], files: Sequence[tuple[str, str, bytes]]) -> Form:
    """A form with pictures, each as the field's name, the file's name, and its bytes."""
    parts = [(name, (file, data, media_type(data))) for name, file, data in files]
    request = httpx.Request("POST", "/", data=dict(fields), files=parts)
    return Form(request.read(), request.headers["Content-Type"])
