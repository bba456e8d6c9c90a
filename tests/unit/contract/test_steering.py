"""`metadata.palio`: what owners may say of the race, and that what is wrong is named wherever it can be sent."""

from collections.abc import Callable

import pytest

from palio.contract.json import Json, JsonObject
from palio.contract.patch import Attributes, patch_step, patch_workflow, update_step, update_workflow
from palio.contract.steering import NO_STEERING, Objective, Steering, read_steering, unknown_providers
from palio.contract.template import read_template
from palio.errors import BadRequest


def read(**members: Json) -> Steering:
    return read_steering({"palio": members}, "metadata")


@pytest.mark.parametrize(
    ("member", "value", "steering"),
    [
        ("objective", "cheapest", Steering(objective=Objective.cheapest)),
        ("objective", "Fastest", Steering(objective=Objective.fastest)),
        ("deadline", 60, Steering(deadline=60.0)),
        ("deadline", 0.5, Steering(deadline=0.5)),
        ("deadline", "00:01:30", Steering(deadline=90.0)),
        ("deadline", "PT2M", Steering(deadline=120.0)),
        ("providers", ["a", "b", "a"], Steering(providers=frozenset("ab"))),
        ("providers", [], Steering(providers=frozenset())),
        ("exclude", ["a"], Steering(exclude=frozenset("a"))),
        ("maxPrice", 0, Steering(max_price=0.0)),
        ("maxPrice", 0.02, Steering(max_price=0.02)),
        ("hedge", 0.1, Steering(hedge=0.1)),
        ("hedge", False, Steering(hedge=0.0)),
    ],
)
def test_what_may_be_said(member: str, value: Json, steering: Steering) -> None:
    assert read(**{member: value}) == steering


@pytest.mark.parametrize("member", ["objective", "deadline", "providers", "exclude", "maxPrice", "hedge"])
def test_null_says_nothing(member: str) -> None:
    assert read(**{member: None}) == NO_STEERING


@pytest.mark.parametrize("metadata", [{}, {"palio": None}, {"mine": {"objective": "any"}}])
def test_metadata_without_it_says_nothing(metadata: JsonObject) -> None:
    assert read_steering(metadata, "metadata") is NO_STEERING


BAD: list[tuple[str, Json]] = [
    *(("objective", value) for value in ["", "slowest", 1, True, [], {}]),
    *(("deadline", value) for value in [-1, 604_801, True, "soon", "8.00:00:00", "00:00:00", [], {}]),
    *((name, value) for name in ("providers", "exclude") for value in ["a", {}, 1, [1], [""], ["a" * 65], ["a"] * 101]),
    *((name, [[]]) for name in ("providers", "exclude")),
    *(("maxPrice", value) for value in [-0.01, 1001, 10**400, True, "1", []]),
    *(("hedge", value) for value in [-0.1, 1.1, True, "0.1", []]),
    ("speed", 1),
]


@pytest.mark.parametrize(("member", "value"), BAD)
def test_what_is_wrong_is_named(member: str, value: Json) -> None:
    with pytest.raises(BadRequest) as raised:
        read(**{member: value})

    assert list(raised.value.errors) == [f"metadata.palio.{member}"]


def test_everything_that_is_wrong_is_named_in_one_answer() -> None:
    with pytest.raises(BadRequest) as raised:
        read(zeal=1, alpha=2, objective="x", hedge=7)

    assert list(raised.value.errors) == [f"metadata.palio.{name}" for name in ("zeal", "alpha", "objective", "hedge")]


@pytest.mark.parametrize("value", ["cheapest", 1, [], True])
def test_it_is_an_object(value: Json) -> None:
    with pytest.raises(BadRequest, match=r"^metadata\.palio: must be an object$"):
        read_steering({"palio": value}, "metadata")


class TestOver:
    GENERAL = Steering(Objective.cheapest, 60.0, frozenset("ab"), frozenset("x"), 0.5, 0.1)

    def test_a_step_that_says_nothing_is_as_its_workflow(self) -> None:
        assert NO_STEERING.over(self.GENERAL) == self.GENERAL
        assert Steering().over(self.GENERAL) == self.GENERAL

    def test_what_a_step_says_goes_first_also_where_it_is_nothing(self) -> None:
        step = Steering(Objective.fastest, 0.0, frozenset(), frozenset(), 0.0, 0.0)

        assert step.over(self.GENERAL) == Steering(Objective.fastest, 0.0, frozenset(), frozenset("x"), 0.0, 0.0)

    def test_who_is_excluded_by_either_is_excluded(self) -> None:
        assert Steering(exclude=frozenset("y")).over(self.GENERAL).exclude == frozenset("xy")


ATTRIBUTES = Attributes("unassigned", {}, (), None)
WRONG: JsonObject = {"palio": {"hedge": 7}}
STEP: JsonObject = {"$type": "echo", "input": {"message": "hi"}}


@pytest.mark.parametrize(
    ("send", "path"),
    [
        (lambda: read_template({"metadata": WRONG, "steps": [STEP]}), "metadata.palio.hedge"),
        (lambda: read_template({"steps": [{**STEP, "metadata": WRONG}]}), "steps[0].metadata.palio.hedge"),
        (lambda: update_workflow(ATTRIBUTES, {"metadata": WRONG}), "metadata.palio.hedge"),
        (lambda: update_step({"metadata": WRONG}), "metadata.palio.hedge"),
        (
            lambda: patch_workflow(ATTRIBUTES, [{"op": "add", "path": "/metadata/palio", "value": {"hedge": 7}}]),
            "metadata.palio.hedge",
        ),
        (lambda: patch_step({}, [{"op": "replace", "path": "/metadata", "value": WRONG}]), "metadata.palio.hedge"),
    ],
    ids=["submit", "submit a step", "update", "update a step", "patch", "patch a step"],
)
def test_it_is_checked_wherever_metadata_comes_in(send: Callable[[], object], path: str) -> None:
    with pytest.raises(BadRequest) as raised:
        send()

    assert list(raised.value.errors) == [path]


def test_names_that_nobody_has_are_told_one_by_one() -> None:
    errors = unknown_providers(
        {"palio": {"providers": ["own", "typo"], "exclude": ["gone"]}}, "metadata", frozenset({"own", "paid"})
    )

    assert errors == {
        "metadata.palio.providers[1]": ["there is no provider `typo`; there are own, paid"],
        "metadata.palio.exclude[0]": ["there is no provider `gone`; there are own, paid"],
    }
    assert unknown_providers({"palio": None}, "metadata", frozenset()) == {}
