"""Costs follow the published example, and replies say them in documents and headers alike."""

import pytest

from palio.contract.cost import cost_headers, cost_of, would_be
from palio.contract.document import Cost, CostTips, Transaction
from palio.contract.json import Json, JsonObject
from palio.contract.template import read_template


def cost(*steps: JsonObject, **members: Json) -> Cost:
    return cost_of(read_template({"steps": list(steps), **members}))


ECHO: JsonObject = {"$type": "echo", "input": {"message": "hello"}}
IMAGE: JsonObject = {"$type": "textToImage", "input": {"prompt": "a horse", "steps": 40, "quantity": 3}}


def test_an_echo_is_free() -> None:
    assert cost(ECHO) == Cost(base=0, tips=CostTips(civitai=0, creators=0), total=0)


def test_one_step_shows_the_factors_of_its_base() -> None:
    single = cost(IMAGE)

    assert single.factors is not None
    product = 1.0
    for factor in single.factors.values():
        product *= factor
    assert single.base == pytest.approx(product, abs=1)
    assert single.total == single.base + sum((single.fixed or {}).values())


def test_several_steps_add_up_and_have_no_factors() -> None:
    single, double = cost(IMAGE), cost(IMAGE, IMAGE, ECHO)

    assert double.factors is None
    assert double.base == 2 * single.base
    assert double.total == 2 * single.total


@pytest.mark.parametrize(("rate", "share"), [(0, 0.0), (0.25, 0.25), (2, 2.0)])
def test_tips_are_shares_of_the_base_rounded_up(rate: float, share: float) -> None:
    plain, tipped = cost(IMAGE), cost(IMAGE, tips={"creators": rate, "civitai": rate})

    assert 0 <= tipped.tips.creators - plain.base * share < 1
    assert tipped.total == plain.total + tipped.tips.creators + tipped.tips.civitai


def test_a_whole_share_is_not_rounded_up_by_the_last_bit_of_a_float() -> None:
    ten = cost(*[IMAGE] * 10, tips={"creators": 0.1})

    assert ten.tips.creators == ten.base // 10


def test_a_step_that_waits_for_others_is_priced_with_what_is_known() -> None:
    reference: JsonObject = {"$ref": "$0", "path": "output.message"}
    waiting: JsonObject = {"$type": "textToImage", "input": {**IMAGE["input"], "prompt": reference}}  # type: ignore[dict-item]

    assert cost(ECHO, waiting).total == cost(ECHO, IMAGE).total


THIRTEEN = Cost(base=13, tips=CostTips(civitai=0, creators=0), total=13)
NOTHING = Cost(base=0, tips=CostTips(civitai=0, creators=0), total=0)


@pytest.mark.parametrize(("currencies", "by_currency"), [((), "blue=13"), (("yellow", "blue"), "yellow=13")])
def test_headers_say_who_would_pay(currencies: tuple[str, ...], by_currency: str) -> None:
    assert cost_headers(THIRTEEN, currencies) == {
        "X-Civitai-Cost-Total": "13",
        "X-Civitai-Cost-By-Currency": by_currency,
        "X-Civitai-Insufficient-Buzz": "false",
    }


def test_one_debit_would_pay_for_all() -> None:
    transactions = would_be(THIRTEEN, ["green", "blue"])

    assert transactions.list == [Transaction(type="debit", amount=13, account_type="green")]
    assert transactions.insufficient_buzz is False


def test_nothing_is_debited_for_nothing() -> None:
    assert would_be(NOTHING, []).list == []
