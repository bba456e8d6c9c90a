"""What the operator of a server reads about its providers. Palio's own; the service has nothing like it."""

from palio.contract.document import Document


class ModelReport(Document, kw_only=True):
    """One model of a provider. Seconds are for one unit of work, which is one megapixel at 20 steps.

    `breaker` is `closed`, `open` or `halfOpen`; `opensIn` is seconds until the next job is tried.
    """

    model: str
    breaker: str
    opens_in: float | None = None
    is_slow: bool
    runs: int
    success: float
    median_seconds: float
    late_seconds: float


class ServedReport(Document, kw_only=True):
    """A model that a provider has: its own name for it, the family, and what jobs call it by."""

    model: str
    family: str
    members: list[str]


class ProviderReport(Document, kw_only=True):
    """A provider: what runs and waits there, whether it takes jobs, and what it cost since the server started.

    `limit` is how many runs it may have now, `places` how many at best. `spent` is USD, as the provider said or else as
    it offered. `models` are those that had jobs, `serves` all that it has, if it has a list of them.
    """

    name: str
    kind: str
    state: str
    reason: str | None = None
    running: int
    waiting: int
    limit: int
    places: int
    opens_in: float | None = None
    spent: float
    models: list[ModelReport]
    serves: list[ServedReport]


class ProviderReports(Document, kw_only=True):
    """All providers of a server."""

    items: list[ProviderReport]
