"""Vendors under test: a provider pointed at its stand-in, and what each row of its table looks like on the wire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from tests.standins.server import KEY, Says, StandIn, png

from palio.blobs.fetch import Fetcher, FetchPolicy
from palio.contract.image.friendly import from_friendly
from palio.contract.image.job import ImageJob
from palio.contract.image.variants import find_variant
from palio.providers.base import Assignment, Handle, Made, Progress, Provider, ProviderError
from palio.providers.hosted.provider import HostedProvider
from palio.providers.hosted.signals import Phase
from palio.providers.hosted.synchronous import SynchronousProvider
from palio.providers.registry import VENDORS, configured
from palio.settings import Settings

ATTEMPT = "0193f3a1b2c40123456789abcdef0123"
PROMPT = "0193f3a1-b2c4-0123-4567-89abcdef0123"
"""The same id, as ComfyUI wants it."""


def job(**friendly: Any) -> ImageJob:
    """The job of a friendly input, or of an imageGen input. A member that is None is left out."""
    members = {"prompt": "a tin robot", "seed": 7, **friendly}
    input_ = from_friendly({name: value for name, value in members.items() if value is not None}, "")
    variant = find_variant(input_, "")
    assert variant is not None
    return variant.model_validate(input_).jobs()[0]


def provider(
    stand_in: StandIn, kind: str, monkeypatch: pytest.MonkeyPatch, key: str = KEY, **table: Any
) -> HostedProvider:
    """A provider as an operator would configure it, towards a stand-in."""
    monkeypatch.setenv("KEY_OF_THE_VENDOR", key)
    own = {"kind": kind, "base_url": stand_in.url, "api_key_env": "KEY_OF_THE_VENDOR"}
    tables = {"here": {**own, "timeout": 5.0, "patience": 5.0, **table}}
    made = configured(Settings(providers=tables, sketch=False), fetch)["here"]
    assert isinstance(made, HostedProvider)
    return made


async def fetch(url: str, max_bytes: int) -> bytes:
    """As the server does it, where something is fetched at all."""
    fetcher = Fetcher(FetchPolicy())
    try:
        return await fetcher.fetch(url, max_bytes)
    finally:
        await fetcher.close()


def assignment(job: ImageJob, attempt_id: str = ATTEMPT) -> Assignment:
    """A job given to a provider. Whatever it refers to is a picture of 96 x 64 pixels."""

    async def load(reference: str) -> bytes:
        return png(96, 64)

    return Assignment(attempt_id, job, load)


def in_haste(kind: str, monkeypatch: pytest.MonkeyPatch, seconds: float) -> dict[str, Any]:
    """What to configure so that no answer of a vendor is waited for any longer."""
    if issubclass(VENDORS[kind], SynchronousProvider):
        monkeypatch.setattr(VENDORS[kind], "answer_seconds", seconds)
    return {"timeout": seconds}


async def follow(provider: Provider, handle: Handle, given: Assignment) -> tuple[list[Progress], Made]:
    """What a run says on its way, and what it ends with."""
    seen: list[Progress] = []
    async for event in provider.watch(handle, given):
        if isinstance(event, Made):
            return seen, event
        seen.append(event)
    raise AssertionError("a run ends with an image or an error")


async def run(provider: Provider, job: ImageJob) -> Made:
    """A job from its start to its image."""
    given = assignment(job)
    handle = await provider.start(given)
    return (await follow(provider, handle, given))[1]


@dataclass(frozen=True)
class Sample:
    """An answer for which a row is meant, and the error that a run ends with at it; None: it goes on to its image."""

    row: str
    phase: Phase
    says: Says
    ends: type[ProviderError] | None = None
    job: ImageJob | None = None
    """Another job than the vendor's."""


@dataclass(frozen=True)
class Vendor:
    """A vendor as the tests that hold for all of them see it. `job` is one that it can do."""

    kind: str
    stand_in: Callable[[], StandIn]
    job: ImageJob
    samples: tuple[Sample, ...]
    seen_in_passing: tuple[str, ...] = ()
    """Rows that every run that goes well is a sample of."""
    can_be_canceled: bool = True
    about: str = PROMPT
    """The id that its samples are about, where it is one of ours."""
    repeats: bool = False
    """Whether a run whose fate is not known costs nothing and cannot be found, so that it is begun again."""
    answers_with: Literal["run", "address", "picture"] = "run"
    """What a submission is answered with: a run to be followed, where the picture is, or the picture."""
    table: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.kind
