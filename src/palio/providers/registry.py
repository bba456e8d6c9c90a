"""From the operator's configuration to providers."""

from collections.abc import Callable, Mapping

import msgspec

from palio.errors import SetupError
from palio.providers.base import Provider
from palio.providers.http import HttpOptions, HttpProvider
from palio.providers.scripted import Scripted
from palio.providers.sketch.provider import SketchProvider
from palio.providers.wire import api_key
from palio.settings import ProviderSettings, Settings

Build = Callable[[str, ProviderSettings], Provider]


def _scripted(name: str, chosen: ProviderSettings) -> Provider:
    options = {key: value for key, value in chosen.options.items() if value is not None}
    try:
        return Scripted(name, chosen.concurrency, chosen.price, options)
    except msgspec.ValidationError as error:
        raise SetupError(f"[providers.{name}]: {error}") from None


def _http(name: str, chosen: ProviderSettings) -> Provider:
    table = f"providers.{name}"
    if chosen.base_url is None:
        raise SetupError(f"[{table}]: base_url is required, the address of a server of the job protocol")
    try:
        options = msgspec.convert(
            {key: value for key, value in chosen.options.items() if value is not None}, HttpOptions
        )
    except msgspec.ValidationError as error:
        raise SetupError(f"[{table}]: {error}") from None
    key = api_key(table, chosen.api_key_env)
    return HttpProvider(name, chosen.concurrency, chosen.base_url, key=key, price=chosen.price, options=options)


def _sketch(name: str, chosen: ProviderSettings) -> Provider:
    return SketchProvider(name, chosen.concurrency)


KINDS: Mapping[str, Build] = {"http": _http, "scripted": _scripted, "sketch": _sketch}


def configured(settings: Settings) -> dict[str, Provider]:
    """Every enabled provider by name; `sketch` among them unless it is switched off. Raises SetupError."""
    providers: dict[str, Provider] = {}
    for name, chosen in settings.providers.items():
        if chosen.kind not in KINDS:
            raise SetupError(f"[providers.{name}]: kind must be one of {', '.join(sorted(KINDS))}, not {chosen.kind!r}")
        if chosen.enabled:
            providers[name] = KINDS[chosen.kind](name, chosen)
    if settings.sketch and "sketch" not in settings.providers:
        providers["sketch"] = SketchProvider("sketch", settings.sketch_workers)
    return providers
