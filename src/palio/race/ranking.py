"""The order in which providers may have a job. Pure: offers in, order out."""

from collections.abc import Collection, Iterable

from palio.providers.base import Offer

SECOND_IN_USD = 0.001
"""What a second of waiting is worth when offers are compared."""

UNKNOWN_PRICE = 0.05
"""USD assumed of an offer that names no price: unknown is not free."""


def rank(offers: Iterable[Offer], *, tried: Collection[str] = (), stand_ins: Collection[str] = ()) -> list[Offer]:
    """Offers from best to worst.

    Stand-ins count only if nobody else offers; providers that already failed at the job come after those that
    did not, in case they are all there is.
    """
    everyone = list(offers)
    candidates = [offer for offer in everyone if offer.provider not in stand_ins] or everyone
    return sorted(candidates, key=lambda offer: (offer.provider in tried, _utility(offer), offer.provider))


def _utility(offer: Offer) -> float:
    price = UNKNOWN_PRICE if offer.price is None else offer.price
    return price + SECOND_IN_USD * offer.seconds
