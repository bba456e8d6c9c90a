"""From the operator's configuration to providers."""

from collections.abc import Callable, Mapping

import msgspec

from palio.errors import SetupError
from palio.providers.base import Provider
from palio.providers.scripted import Scripted
from palio.providers.sketch.provider import SketchProvider
from palio.settings import ProviderSettings, Settings

Build = Callable[[str, ProviderSettings], Provider]


def _scripted(name: str, chosen: ProviderSettings) -> Provider:
    options = {key: value for key, value in chosen.options.items() if value is not None}
    try:
        return Scripted(name, chosen.concurrency, chosen.price, options)
    except msgspec.ValidationError as error:
        raise SetupError(f"[providers.{name}]: {error}") from None


def _sketch(name: str, chosen: ProviderSettings) -> Provider:
    return SketchProvider(name, chosen.concurrency)


KINDS: Mapping[str, Build] = {"scripted": _scripted, "sketch": _sketch}


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
