"""What follows from a failure: for the job and for the provider, by its type alone."""

from collections.abc import Iterator

import pytest

from palio.providers.base import (
    Ambiguous,
    Incapable,
    InvalidJob,
    KeyRefused,
    Lost,
    NotAccepted,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unfunded,
)
from palio.race.failures import Effect, Judgement, Next, Policy, judge

TABLE = {
    ProviderError: (Next.retry, Effect.fault),
    NotAccepted: (Next.another, Effect.fault),
    RateLimited: (Next.another, Effect.limit),
    Unfunded: (Next.another, Effect.disable),
    KeyRefused: (Next.another, Effect.disable),
    RunFailed: (Next.retry, Effect.fault),
    Refused: (Next.block, Effect.none),
    InvalidJob: (Next.fail, Effect.none),
    Incapable: (Next.another, Effect.none),
    Ambiguous: (Next.fail, Effect.fault),
    Lost: (Next.fail, Effect.fault),
}


def tree(root: type[ProviderError]) -> Iterator[type[ProviderError]]:
    """The kinds of failure that the protocol has; what an adapter or a test derives is judged as what it is."""
    if root.__module__ == ProviderError.__module__:
        yield root
        for child in root.__subclasses__():
            yield from tree(child)


def test_every_kind_of_failure_is_in_the_table() -> None:
    assert set(tree(ProviderError)) == TABLE.keys()


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_what_follows(kind: type[ProviderError]) -> None:
    assert judge(kind("so"), Policy()) == Judgement(*TABLE[kind])


def test_an_operator_may_have_refused_jobs_offered_to_others() -> None:
    assert judge(Refused("no"), Policy(shop_refusals=True)) == Judgement(Next.retry, Effect.none)


def test_an_operator_may_have_jobs_repeated_whose_fate_is_not_known() -> None:
    policy = Policy(repeat_ambiguous=True)
    assert judge(Ambiguous("?"), policy) == judge(Lost("?"), policy) == Judgement(Next.retry, Effect.fault)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_the_operators_wishes_change_nothing_else(kind: type[ProviderError]) -> None:
    if kind not in (Refused, Ambiguous, Lost):
        assert judge(kind("so"), Policy(shop_refusals=True, repeat_ambiguous=True)) == judge(kind("so"), Policy())
