"""`palio providers check`: whether a provider that is configured would work, asked of the provider itself."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from palio.errors import PalioError, SetupError
from palio.surfaces.cli.folder import make_folder
from palio.surfaces.cli.options import Config, Data

if TYPE_CHECKING:
    from palio.contract.image.job import ImageJob
    from palio.providers.base import Made, Offer, Provider
    from palio.settings import Settings

ENGINES = ("sd1", "sdxl", "z-image", "flux1", "flux2", "qwen", "seedream", "grok")
PROMPT = "a tin robot in the rain"
SMALL = 512
"""Pixels of a side, where the engine lets one choose."""


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The provider, as `palio providers` names it.")],
    run: Annotated[bool, typer.Option("--run", help="Also have it make the cheapest picture that it makes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a picture is paid for.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the picture goes.")] = Path(),
    data: Data = None,
    config: Config = None,
) -> None:
    """Ask a provider whether it would work: the address, the key, and, with --run, one picture. No server is needed.

    What is asked without --run costs nothing. What a picture costs is said first.
    """
    from palio.settings import load_settings

    asyncio.run(_check(load_settings({"data": data}, config), name, run, yes, out))


async def _check(settings: "Settings", name: str, run: bool, yes: bool, out: Path) -> None:
    from palio.blobs.fetch import Fetcher, FetchPolicy
    from palio.providers.registry import configured
    from palio.surfaces.tokens import make_data_folder
    from palio.surfaces.weights import weight_store

    if (chosen := settings.providers.get(name)) is not None:
        # One that is switched off too, and without a look at what is wrong with others.
        alone = {name: chosen.model_copy(update={"enabled": True})}
        settings = settings.model_copy(update={"providers": alone, "sketch": False, "vendors_by_key": False})
    make_data_folder(settings)
    async with AsyncExitStack() as stack:
        fetcher = Fetcher(FetchPolicy())
        stack.push_async_callback(fetcher.close)
        weights = await stack.enter_async_context(weight_store(settings))
        providers = configured(settings, fetcher.fetch, weights)
        for each in providers.values():
            stack.push_async_callback(each.close)
        if (provider := providers.get(name)) is None:
            raise SetupError(f"there is no provider {name!r}; there are {', '.join(providers) or 'none'}")
        await provider.open()
        await _ask(provider, run, yes, out)


async def _ask(provider: "Provider", run: bool, yes: bool, out: Path) -> None:
    typer.echo(await provider.check() or f"{provider.name} has nothing that could be asked for without cost")
    if (cheapest := _cheapest(provider)) is None:
        typer.echo("it makes none of the pictures that could be tried")
        return
    job, offer = cheapest
    price = 0.0 if offer.price is None and provider.free else offer.price
    what = f"{offer.model or job.family} with {job.width} x {job.height} pixels"
    typer.echo(f"the cheapest picture that it makes is {what}, which {_told(price)}")
    if not run:
        return
    if not yes and price != 0:
        typer.confirm("Have it made?", abort=True)
    make_folder(out)  # before there is anything that was paid for
    began = monotonic()
    made = await _make(provider, job)
    file = await asyncio.to_thread(_save, out, provider.name, made.data)
    cost = "" if made.cost is None else f", for ${made.cost:.4f}"
    typer.echo(f"{file}  (made in {monotonic() - began:.1f} s{cost})")


def _told(price: float | None) -> str:
    if price is None:
        return "costs nobody knows what"
    return f"costs about ${price:.4f}" if price else "costs nothing"


def _cheapest(provider: "Provider") -> "tuple[ImageJob, Offer] | None":
    """The job that a provider does for least, a known price before an unknown one."""
    from palio.providers.base import Offer

    answers = ((job, provider.offer(job)) for job in _jobs(provider))
    offers = [(job, offer) for job, offer in answers if isinstance(offer, Offer)]
    return min(offers, key=lambda found: (found[1].price is None, found[1].price or 0.0), default=None)


def _jobs(provider: "Provider") -> "Iterator[ImageJob]":
    """A small picture and one of the usual size, of every engine and of all that the provider says it has.

    Each is there with the engine's choices of steps and the like, and with all of them left to the model.
    """
    import msgspec

    served = provider.serves()
    for job in _usual_jobs():
        names = {each.members[0] for each in served if each.family == job.family and each.members[0] != "*"}
        for name in (job.model, *sorted(names)):
            named = msgspec.structs.replace(job, model=name, seed=1)
            yield named
            yield msgspec.structs.replace(
                named, steps=None, guidance=None, sampler=None, scheduler=None, negative_prompt=""
            )


def _usual_jobs() -> "Iterator[ImageJob]":
    from palio.contract.image.friendly import from_friendly
    from palio.contract.image.variants import find_variant

    for engine in ENGINES:
        for sides in ({"width": SMALL, "height": SMALL}, {}):
            try:
                input_ = from_friendly({"engine": engine, "prompt": PROMPT, **sides}, "")
                if (variant := find_variant(input_, "")) is not None:
                    yield variant.model_validate(input_).jobs()[0]
            except (PalioError, ValueError):
                continue  # The engine makes no images of that size.


async def _make(provider: "Provider", job: "ImageJob") -> "Made":
    from palio.providers.base import Assignment, Made, RunFailed

    async def nothing(reference: str) -> bytes:
        raise RunFailed(f"nothing is at {reference}")

    assignment = Assignment(uuid4().hex, job, nothing)
    handle = await provider.start(assignment)
    try:
        async with aclosing(provider.watch(handle, assignment)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Made):
                    return event
    except asyncio.CancelledError:
        await provider.cancel(handle)
        raise
    raise RunFailed(f"{provider.name} ended without a picture")


def _save(folder: Path, name: str, data: bytes) -> Path:
    """Write a picture to a file that is not there yet."""
    from palio.blobs.images import inspect

    suffix, number = inspect(data).media_type.partition("/")[2], 0
    while True:
        file = folder / (f"{name}-{number}.{suffix}" if number else f"{name}.{suffix}")
        try:
            with file.open("xb") as stream:
                stream.write(data)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise SetupError(f"cannot write {file}: {error.strerror}") from None
        else:
            return file
