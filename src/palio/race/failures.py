"""What a failure means for the job and for the provider: the type decides. Pure."""

from dataclasses import dataclass
from enum import StrEnum

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
    Unfunded,
)


class Next(StrEnum):
    """What becomes of the job."""

    another = "another"
    """The next claimant now: nothing was begun, and nothing is used up."""
    retry = "retry"
    """Somebody else, if a retry is left."""
    fail = "fail"
    """It has failed."""
    block = "block"
    """Moderation has refused it."""


class Effect(StrEnum):
    """What becomes of the provider."""

    none = "none"
    fault = "fault"
    """It counts against it, and opens its breaker if there are many."""
    limit = "limit"
    """It gets less for a while."""
    disable = "disable"
    """It gets nothing until its account is in order."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator wants of one provider: whether others may be asked where caution says not."""

    shop_refusals: bool = False
    """Offer a job to others that moderation refused here."""
    repeat_ambiguous: bool = False
    """Run a job again whose fate here is not known, or whose run is lost: it may be paid for twice."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from a failure."""

    next: Next
    effect: Effect


def judge(error: ProviderError, policy: Policy) -> Judgement:
    """What follows from a failure at a provider of which the operator wants `policy`."""
    match error:
        case RateLimited():
            return Judgement(Next.another, Effect.limit)
        case NotAccepted():
            return Judgement(Next.another, Effect.fault)
        case Unfunded() | KeyRefused():
            return Judgement(Next.another, Effect.disable)
        case Incapable():
            return Judgement(Next.another, Effect.none)
        case Refused():
            return Judgement(Next.retry if policy.shop_refusals else Next.block, Effect.none)
        case InvalidJob():
            return Judgement(Next.fail, Effect.none)
        case Ambiguous() | Lost():
            # A run that its vendor does not know any more may have been paid for as one that was never heard of.
            return Judgement(Next.retry if policy.repeat_ambiguous else Next.fail, Effect.fault)
        case _:
            return Judgement(Next.retry, Effect.fault)
