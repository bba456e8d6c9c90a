"""The store of weights, put together from the settings: for the server, and for commands on its machine."""

from urllib.parse import urlsplit

from palio.blobs.guard import GuardedTransport, host_and_port
from palio.resources.store import WeightStore
from palio.settings import Settings

_PORTS = {"http": 80, "https": 443}


def weight_store(settings: Settings) -> WeightStore:
    """The store that settings describe, to be opened. Raises SetupError."""
    chosen = settings.resources
    # Sites that the operator names may be anywhere; what they redirect to only on the public internet.
    trusted = frozenset([_host(chosen.site), _host(chosen.hub), *chosen.trusted_hosts])
    return WeightStore(chosen, settings.data, GuardedTransport(trusted))


def _host(address: str) -> str:
    parts = urlsplit(address)
    return host_and_port(parts.hostname or "", parts.port or _PORTS[parts.scheme])
