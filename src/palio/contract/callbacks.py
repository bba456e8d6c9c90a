"""Callbacks as a client submits them: where events are to be sent, and which."""

from urllib.parse import urlsplit

from palio.contract.document import Callback
from palio.contract.json import Json
from palio.contract.members import MAX_CHOICES, Errors, choices, read_boolean, read_items, read_text
from palio.contract.status import Status
from palio.errors import BadRequest

MAX_CALLBACKS = 10
MAX_URL_LENGTH = 2048

_EVENTS = choices(f"{scope}:{status}" for scope in ("workflow", "step", "job") for status in [*Status, "*"])


def read_callbacks(value: Json, at: str) -> tuple[Callback, ...]:
    """Up to 10 callbacks, their events in the contract's spelling and each named once."""
    return tuple(read_items(_read_callback, value, at, MAX_CALLBACKS))


def _read_callback(value: Json, at: str) -> Callback:
    if not isinstance(value, dict):
        raise BadRequest.at(at, "must be an object")
    errors = Errors()
    callback = Callback(
        url=errors.require(_read_url, value.get("url"), f"{at}.url", ""),
        type=errors.require(_read_events, value.get("type"), f"{at}.type", []),
        detailed=errors.read(read_boolean, value.get("detailed"), f"{at}.detailed", None),
    )
    errors.raise_any()
    return callback


def _read_url(value: Json, at: str) -> str:
    text = read_text(value, at, MAX_URL_LENGTH)
    try:
        url = urlsplit(text)
        # Asking for the port is what checks it.
        is_url = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_url = False
    if not is_url or len(text.split()) > 1 or text != text.strip():
        raise BadRequest.at(at, "must be an http or https URL with a host")
    return text


def _read_events(value: Json, at: str) -> list[str]:
    if value == []:
        raise BadRequest.at(at, "must have at least one item")
    return list(dict.fromkeys(read_items(_read_event, value, at, MAX_CHOICES)))


def _read_event(value: Json, at: str) -> str:
    event = _EVENTS.get(value.lower()) if isinstance(value, str) else None
    if event is None:
        raise BadRequest.at(at, "must be `workflow`, `step` or `job`, a colon, and a status or `*`")
    return event
