"""What a workflow costs in Buzz, and how a reply says it."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from palio.contract.document import Cost, CostTips, Transaction, Transactions
from palio.contract.price import FREE, Price
from palio.contract.step_template import StepTemplate
from palio.contract.template import WorkflowTemplate

FIRST_CURRENCY = "blue"
"""What is drawn from first when a workflow does not say which currencies may pay."""


def cost_of(template: WorkflowTemplate) -> Cost:
    """The cost of a template: its steps' base and fixed prices, and the tips on the base, each rounded up.

    `factors` multiply to the base of one step, so they are shown only when there is one. A step whose input
    waits for other steps counts with what is known of it, a repeat whose array is not there yet as one copy.
    """
    prices = [price for step in template.steps for price in _prices(step)]
    base = sum(price.base for price in prices)
    fixed: Counter[str] = Counter()
    for price in prices:
        fixed.update(price.fixed)
    tips = CostTips(civitai=_share(base, template.tips.civitai), creators=_share(base, template.tips.creators))
    return Cost(
        base=base,
        tips=tips,
        total=base + fixed.total() + tips.civitai + tips.creators,
        factors=(prices[0].factors or None) if len(prices) == 1 else None,
        fixed=dict(fixed) or None,
    )


def cost_headers(cost: Cost, currencies: Sequence[str]) -> dict[str, str]:
    """The headers in which clients of whatif read the cost without opening the body."""
    return {
        "X-Civitai-Cost-Total": str(cost.total),
        "X-Civitai-Cost-By-Currency": f"{_drawn_from(currencies)}={cost.total}",
        "X-Civitai-Insufficient-Buzz": "false",
    }


def would_be(cost: Cost, currencies: Sequence[str]) -> Transactions:
    """The debit that a workflow of this cost would make; none when it costs nothing."""
    debit = Transaction(type="debit", amount=cost.total, account_type=_drawn_from(currencies))
    return Transactions(list=[debit] if cost.total else [], insufficient_buzz=False)


def _prices(step: StepTemplate) -> Iterator[Price]:
    """The price of a step, or of each of its copies."""
    if step.repeat is None:
        yield step.input.price() if step.input is not None else FREE
        return
    copies = step.repeat.copies
    for copy in (step.repeat.template,) if copies is None else copies:
        yield from _prices(copy)


def _drawn_from(currencies: Sequence[str]) -> str:
    return currencies[0] if currencies else FIRST_CURRENCY


def _share(base: int, rate: float) -> int:
    # Rounding first to 9 places keeps 10 x 0.1 ... from becoming one more for a float's last bit.
    return math.ceil(round(base * rate, 9))
