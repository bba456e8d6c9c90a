"""From the operator's configuration to providers."""

import os
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from palio.errors import SetupError
from palio.providers.a1111.provider import WebUI
from palio.providers.ark import Ark
from palio.providers.base import Provider
from palio.providers.bfl import BlackForestLabs
from palio.providers.catalog.fitting import short_name
from palio.providers.catalog.reading import read_catalog
from palio.providers.civitai.provider import Civitai
from palio.providers.comfyui.provider import ComfyUI
from palio.providers.dashscope import DashScope
from palio.providers.diffusers.plan import Shelf
from palio.providers.diffusers.provider import Diffusers, DiffusersOptions, Machine, check_installed
from palio.providers.fal import Fal
from palio.providers.google import Google
from palio.providers.horde import Horde
from palio.providers.hosted.account import Account, Fetch
from palio.providers.hosted.provider import HostedProvider
from palio.providers.http import HttpOptions, HttpProvider
from palio.providers.huggingface import HuggingFace
from palio.providers.invokeai.provider import InvokeAI
from palio.providers.openai import OpenAI
from palio.providers.openai_compatible import OpenAICompatible
from palio.providers.replicate import Replicate
from palio.providers.runware import Runware
from palio.providers.scripted import Script, Scripted
from palio.providers.sdcpp import StableDiffusionCpp
from palio.providers.sketch.provider import SketchProvider
from palio.providers.swarmui.provider import SwarmUI
from palio.providers.together import Together
from palio.providers.wire import api_key
from palio.providers.xai import XAI
from palio.resources.weights import NoWeights, Weights
from palio.settings import ProviderSettings, Settings

T = TypeVar("T")

Build = Callable[[str, ProviderSettings, Fetch, Weights], Provider]

NO_WEIGHTS = NoWeights()

VENDORS: Mapping[str, type[HostedProvider]] = {
    vendor.kind: vendor
    for vendor in (
        Ark,
        BlackForestLabs,
        Civitai,
        ComfyUI,
        DashScope,
        Fal,
        Google,
        Horde,
        InvokeAI,
        HuggingFace,
        OpenAI,
        OpenAICompatible,
        Replicate,
        Runware,
        StableDiffusionCpp,
        SwarmUI,
        Together,
        WebUI,
        XAI,
    )
}
"""The vendors with a catalog, by kind."""


def _options(name: str, chosen: ProviderSettings, type_: type[T]) -> T:
    given = {key: value for key, value in chosen.options.items() if value is not None}
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        raise SetupError(f"[providers.{name}]: {error}") from None


def _scripted(name: str, chosen: ProviderSettings, fetch: Fetch, weights: Weights) -> Provider:
    return Scripted(name, chosen.concurrency, chosen.price, _options(name, chosen, Script))


def _sketch(name: str, chosen: ProviderSettings, fetch: Fetch, weights: Weights) -> Provider:
    return SketchProvider(name, chosen.concurrency)


def _http(name: str, chosen: ProviderSettings, fetch: Fetch, weights: Weights) -> Provider:
    table = f"providers.{name}"
    if chosen.base_url is None:
        raise SetupError(f"[{table}]: base_url is required, the address of a server of the job protocol")
    options = _options(name, chosen, HttpOptions)
    key = api_key(table, chosen.api_key_env)
    return HttpProvider(name, chosen.concurrency, chosen.base_url, key=key, price=chosen.price, options=options)


def _hosted(name: str, chosen: ProviderSettings, fetch: Fetch, weights: Weights) -> Provider:
    vendor = VENDORS[chosen.kind]
    table = f"providers.{name}"
    account = Account(
        name=name,
        concurrency=chosen.concurrency,
        base_url=chosen.base_url or vendor.base_url,
        key=api_key(table, chosen.api_key_env or vendor.key_variable),
        catalog=read_catalog(chosen.kind, chosen.models, f"{table}.models"),
        fetch=fetch,
        price=chosen.price,
        files={short_name(air): file for air, file in chosen.files.items()},
        limits=_options(name, chosen, vendor.options),
    )
    return vendor(account)


def _diffusers(name: str, chosen: ProviderSettings, fetch: Fetch, weights: Weights) -> Provider:
    table = f"providers.{name}"
    check_installed(table)
    options = _options(name, chosen, DiffusersOptions)
    machine = Machine(
        name=name,
        concurrency=chosen.concurrency,
        price=chosen.price,
        catalog=read_catalog(chosen.kind, chosen.models, f"{table}.models"),
        shelf=Shelf(name, {short_name(air): file for air, file in chosen.files.items()}, weights),
    )
    return Diffusers(machine, options)


KINDS: Mapping[str, Build] = {
    "diffusers": _diffusers,
    "http": _http,
    "scripted": _scripted,
    "sketch": _sketch,
    **dict.fromkeys(VENDORS, _hosted),
}


def configured(settings: Settings, fetch: Fetch, weights: Weights = NO_WEIGHTS) -> dict[str, Provider]:
    """Every enabled provider by name, `sketch` and vendors with a key among them unless they are switched off.

    `fetch` gets what a vendor made from wherever it says that it is, and `weights` has what runs on this machine.
    Raises SetupError.
    """
    providers: dict[str, Provider] = {}
    for name, chosen in (_vendors_by_key(settings) | settings.providers).items():
        if chosen.kind not in KINDS:
            raise SetupError(f"[providers.{name}]: kind must be one of {', '.join(sorted(KINDS))}, not {chosen.kind!r}")
        if chosen.enabled:
            providers[name] = KINDS[chosen.kind](name, chosen, fetch, weights)
    if settings.sketch and "sketch" not in settings.providers:
        providers["sketch"] = SketchProvider("sketch", settings.sketch_workers)
    return providers


def _vendors_by_key(settings: Settings) -> dict[str, ProviderSettings]:
    """Vendors that no table is about and whose usual variable holds a key."""
    configured_kinds = {chosen.kind for chosen in settings.providers.values()}
    return {
        kind: ProviderSettings(kind=kind)
        for kind, vendor in VENDORS.items()
        if settings.vendors_by_key
        and not vendor.needs_table
        and kind not in configured_kinds
        and kind not in settings.providers
        and vendor.key_variable is not None
        and os.environ.get(vendor.key_variable, "").strip()
    }
