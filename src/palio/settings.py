"""What the operator may choose, and where each choice came from: flag, environment, `palio.toml` or default.

`Settings(...)` itself reads nothing but its arguments; `load_settings` puts the layers together.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from palio.errors import SetupError

CONFIG = Path("palio.toml")
"""Read from the working directory when no other file is named."""

Scalar: TypeAlias = StrictBool | StrictInt | StrictFloat | StrictStr | None
"""A JSON scalar."""

MIB = 1024 * 1024
GIB = 1024 * MIB


def _duration(value: object) -> object:
    """`"90s"`, `"20m"`, `"12h"`, `"30d"`, or a number of seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,9})\s*([smhd]?)\s*", value)
    if match is None:
        raise ValueError("must be a duration such as 90s, 20m, 12h or 30d")
    amount, unit = match.groups()
    return timedelta(seconds=int(amount) * _SECONDS[unit or "s"])


_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#]+[^\s?#]*", value):
        raise ValueError("must be an address such as https://palio.example.org")
    return value.rstrip("/")


def _default_data() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "palio"


def _folder(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("this user has no home folder; choose a data folder with --data or PALIO_DATA") from None


def _provider_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError("a provider's name is up to 64 letters, digits, dots, dashes and underscores")
    return name


def _host_and_port(value: str) -> str:
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s/@:\[\]]+):[0-9]{1,5}", value):
        raise ValueError("must be a host and a port such as cache.internal:8080")
    return value.lower()


def _rate(value: object) -> object:
    """`"60/m"`: how many starts in a second, minute or hour."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*([smh])\s*", value)
    if match is None or match[1].strip("0") == "":
        raise ValueError("must be a number of starts in a time, such as 60/m or 2/s")
    return int(match[1]), float(_SECONDS[match[2]])


Objective: TypeAlias = Literal["cheapest", "balanced", "fastest"]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
StartRate = Annotated[tuple[int, float], BeforeValidator(_rate)]
"""Starts, and the seconds within which there may be so many."""
WebAddress = Annotated[str, AfterValidator(_web_address)]
Folder = Annotated[Path, AfterValidator(_folder)]
ProviderName = Annotated[str, AfterValidator(_provider_name)]
TrustedHost = Annotated[str, AfterValidator(_host_and_port)]


class ProviderSettings(BaseModel):
    """One table `[providers.NAME]`. Keys that are not listed here belong to the kind and become `options`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(min_length=1)
    enabled: bool = True
    concurrency: int = Field(default=4, ge=1, le=1000)
    """How many jobs it is given at the same time."""
    rate: StartRate | None = None
    """How many jobs may start in a time, such as `60/m`."""
    quality: float = Field(default=0.0, ge=-10, le=10)
    """USD that one of its images is worth more than those of others, when offers are compared."""
    on_refusal: Literal["stop", "next"] = "stop"
    """Whether a job that its moderation refused may be offered to others."""
    on_ambiguous: Literal["stop", "next"] = "stop"
    """Whether a job may be run again, and perhaps paid for twice, of which nobody knows what became of it, or whose run
    is gone."""
    base_url: WebAddress | None = Field(default=None, repr=False)
    api_key_env: str | None = None
    """The environment variable that holds the key; the key itself is never written in a file."""
    price: float | None = Field(default=None, ge=0, le=1000)
    """USD per image; unknown is None, not 0. For a vendor with a catalog it replaces all prices of that."""
    models: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
    """Models that a vendor's catalog does not have, and changes to those that it has, by the vendor's id."""
    files: dict[str, str] = Field(default_factory=dict)
    """The names of files with weights at a server of one's own, by AIR."""
    options: dict[str, Scalar] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, table: object) -> object:
        if not isinstance(table, Mapping):
            return table
        own = {key: value for key, value in table.items() if key in cls.model_fields}
        rest = {key: value for key, value in table.items() if key not in cls.model_fields}
        options = own.get("options", {})
        return {**own, "options": {**options, **rest} if isinstance(options, Mapping) else options}


class RaceSettings(BaseModel):
    """The table `[race]`: how jobs are raced of whose race their owners say nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: Objective = "balanced"
    """What to spare: money, both, or time."""
    hedge: float = Field(default=0.05, ge=0, le=1)
    """The share of what first attempts cost that second attempts may cost."""
    hedge_for: list[str] = Field(default_factory=list)
    """The engines (`flux2` ...) and objectives (`fastest` ...) whose jobs may get second attempts; `all` for all."""
    patience: Duration = Field(default=timedelta(minutes=2), ge=timedelta(0), le=timedelta(days=1))
    """How long a job waits for providers none of which accepts it."""


class ResourcesSettings(BaseModel):
    """The table `[resources]`: where weights come from for providers that run on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folders: list[Folder] = Field(default_factory=list, max_length=100)
    """Where files with weights are looked for."""
    files: dict[str, Folder] = Field(default_factory=dict)
    """Files with weights, or folders with a pipeline, by AIR."""
    download: bool = False
    """Whether weights that are not here are downloaded."""
    site: WebAddress = "https://civitai.com"
    """The model site that is asked for AIRs of source `civitai`."""
    token_env: str | None = None
    """The environment variable with the site's token; None is CIVITAI_API_KEY or else CIVITAI_TOKEN."""
    hub: WebAddress = "https://huggingface.co"
    """The hub that is asked for AIRs of source `huggingface`."""
    hub_token_env: str = "HF_TOKEN"  # noqa: S105 - a name
    """The environment variable with the hub's token."""
    trusted_hosts: list[TrustedHost] = Field(default_factory=list, max_length=100)
    """What downloads may be redirected to though it is not on the public internet, as `host:port`."""
    max_bytes: int = Field(default=200 * GIB, ge=MIB, le=1024 * 1024 * GIB)
    """How much all downloads together may take; the longest unused make room."""
    max_file_bytes: int = Field(default=40 * GIB, ge=MIB, le=1024 * 1024 * GIB)
    """How large one download may be."""
    allow_pickle: bool = False
    """Whether files of formats that can run code when they are loaded are used: .ckpt, .pt, .pth and .bin."""


class Settings(BaseSettings):
    """Everything the operator may choose. Sizes are bytes, durations `timedelta`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="PALIO_", env_nested_delimiter="__", env_ignore_empty=True
    )

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address to listen on. Loopback unless told."""
    port: int = Field(default=8080, ge=0, le=65535)
    """REST and its description; 0 takes any free port."""
    mcp_port: int = Field(default=9090, ge=0, le=65535)
    """MCP at `/mcp`; 0 takes any free port."""
    mcp_aliases: bool = False
    """Whether the MCP tools can also be called by the names that the service has for them."""
    data: Folder = Field(default_factory=_default_data)
    """Where the database, blobs, keys and the first token are kept."""
    database_url: str | None = Field(default=None, repr=False)
    """`postgresql://...`; None is an SQLite file in `data`."""
    blobs_url: str | None = Field(default=None, repr=False)
    """`s3://...`, `gs://...` or `az://...`; None is a folder in `data`."""
    public_url: WebAddress | None = None
    """How clients reach this server when that is not the address it listens on; blob URLs begin with it."""

    max_body_bytes: int = Field(default=8 * MIB, ge=1024, le=1024 * MIB)
    max_wait_seconds: int = Field(default=100, ge=0, le=3600)
    """Longest time a reply is held back for `wait`; longer waits are shortened to it."""
    max_active_workflows: int = Field(default=10_000, ge=1, le=10_000_000)
    image_max_pixels: int = Field(default=50_000_000, ge=4096, le=1_000_000_000)
    """Largest image that is decoded."""
    fetch_max_bytes: int = Field(default=20 * MIB, ge=1024, le=1024 * MIB)
    """Largest file that is fetched from a URL in an input."""

    url_lifetime: Duration = Field(default=timedelta(days=30), ge=timedelta(minutes=1), le=timedelta(days=3650))
    """How long a signed blob URL is good for."""
    retention_days: int = Field(default=30, ge=1, le=36500)
    """How long a finished workflow and its blobs are kept."""
    step_timeout: Duration = Field(default=timedelta(minutes=20), ge=timedelta(seconds=1), le=timedelta(days=7))
    """How long a step may take that does not say so itself."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    json_logs: bool = False

    race: RaceSettings = Field(default_factory=RaceSettings)

    sketch: bool = True
    """Whether the built-in illustrator serves jobs that no other provider can."""
    sketch_workers: int = Field(default_factory=lambda: min(8, os.cpu_count() or 1), ge=1, le=64)
    """How many drawings it makes at the same time."""
    vendors_by_key: bool = True
    """Whether a vendor whose usual environment variable holds a key is used without a table of its own."""
    providers: dict[ProviderName, ProviderSettings] = Field(default_factory=dict)

    resources: ResourcesSettings = Field(default_factory=ResourcesSettings)

    @property
    def token_file(self) -> Path:
        """The token that the first start makes for clients on this machine."""
        return self.data / "token"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The layers are put together by load_settings, which has to know where each value came from.
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Source:
    """One effective setting: `name` is dotted (`providers.fal.kind`), `value` as text, secrets masked."""

    name: str
    value: str
    origin: str


def load_settings(flags: Mapping[str, object], config: Path | None = None) -> Settings:
    """The effective settings; flags that are None were not given.

    `config`, or else PALIO_CONFIG, names the file to read, which must exist; without either `palio.toml` of the
    working directory is read if it is there. Raises SetupError naming the key and the place of every value that
    cannot be used.
    """
    return _settings(_layers(flags, config))


def sources(flags: Mapping[str, object], config: Path | None = None) -> Sequence[Source]:
    """Every effective setting with where it came from, in the order of the model."""
    layers = _layers(flags, config)
    settings = _settings(layers)
    return [
        Source(".".join(path), _masked(path, value), layer.origin if (layer := _layer_of(layers, path)) else "default")
        for path, value in _leaves(settings.model_dump())
    ]


@dataclass(frozen=True, slots=True)
class _Layer:
    """Values from one place; later layers win."""

    origin: str
    values: Mapping[str, object]

    def place(self, path: Sequence[str]) -> str:
        """A setting as the operator wrote it."""
        if self.origin == "flag":
            return "--" + path[0].replace("_", "-")
        if self.origin == "environment":
            return "PALIO_" + "__".join(path).upper()
        return f"{self.origin}: {'.'.join(path)}"


def _layers(flags: Mapping[str, object], config: Path | None) -> list[_Layer]:
    try:
        environment = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise SetupError(f"an environment variable cannot be read: {error}") from None
    file = _file(config)
    given = {name: value for name, value in flags.items() if value is not None}
    return [
        *([_Layer(str(file), _read(file))] if file else []),
        _Layer("environment", environment),
        _Layer("flag", given),
    ]


def _file(config: Path | None) -> Path | None:
    if named := config or os.environ.get("PALIO_CONFIG"):
        return Path(named)
    return CONFIG if CONFIG.is_file() else None


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SetupError(f"there is no configuration file {file}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from None


def _settings(layers: Sequence[_Layer]) -> Settings:
    merged: dict[str, object] = {}
    for layer in layers:
        merged = _over(merged, layer.values)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        sentences = [_sentence(layers, details) for details in error.errors(include_url=False)]
        raise SetupError("\n".join(dict.fromkeys(sentences))) from None


def _over(base: Mapping[str, object], upper: Mapping[str, object]) -> dict[str, object]:
    result = dict(base)
    for key, value in upper.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _over(below, value)
        result[key] = value
    return result


def _layer_of(layers: Sequence[_Layer], path: Sequence[str]) -> _Layer | None:
    """The highest layer that has a value at `path`."""
    # An option usually stands in its provider's table and not in a table `options` of its own.
    spellings = [path, [*path[:2], *path[3:]]] if _is_option(path) else [path]
    return next((layer for layer in reversed(layers) if any(_has(layer.values, p) for p in spellings)), None)


def _is_option(path: Sequence[str]) -> bool:
    return path[0] == "providers" and len(path) > 3 and path[2] == "options"


def _has(values: object, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _sentence(layers: Sequence[_Layer], details: ErrorDetails) -> str:
    """One validation error in words: where, which key, what is wrong."""
    path = [str(part) for part in details["loc"] if part != "[key]"]
    message = details["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if _is_option(path):
        # Pydantic reports each type that an option could have had.
        path, message = [*path[:2], path[3]], "must be a string, a number, true or false"
    elif details["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], Settings.model_fields, n=1)
        message = "there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
    elif details["type"] == "missing":
        message = "is required"
    layer = _layer_of(layers, path) or _layer_of(layers, path[:-1])
    return f"{layer.place(path) if layer else '.'.join(path)}: {message}"


def _leaves(values: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[list[str], object]]:
    for key, value in values.items():
        path = (*above, key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        elif not isinstance(value, Mapping) or not above:
            yield list(path), value


_SECRET = re.compile(r"key|secret|token|password|credential|signature", re.IGNORECASE)


def _masked(path: Sequence[str], value: object) -> str:
    if _is_option(path) and _SECRET.search(path[-1]):
        return "***"
    text = _text(value)
    if "://" not in text:
        return text
    text = re.sub(r"://\S*@", "://***@", text)
    return re.sub(rf"([?&][^=&\s]*(?:{_SECRET.pattern})[^=&\s]*=)[^&\s]*", r"\1***", text, flags=re.IGNORECASE)


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case timedelta():
            seconds = int(value.total_seconds())
            return next(f"{seconds // size}{unit}" for unit, size in _SECONDS.items() if seconds % size == 0)
        case _:
            return str(value)
