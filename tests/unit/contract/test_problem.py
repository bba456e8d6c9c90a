"""Problem documents say inside the body what clients cannot see outside it."""

import msgspec
import pytest

from palio.contract.problem import problem_document
from palio.errors import BadRequest, NotFound, Problem, TooBusy


def test_a_bad_request_has_its_errors_by_path() -> None:
    problem = BadRequest("two things", {"tags[3]": ["must be a string"], "steps": ["is required"]})

    assert problem_document(problem) == {
        "type": "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.1",
        "title": "Bad Request",
        "status": 400,
        "detail": "two things",
        "errors": {"tags[3]": ["must be a string"], "steps": ["is required"]},
    }


def test_there_is_no_errors_member_without_errors() -> None:
    assert "errors" not in problem_document(NotFound("there is no workflow `x`"))


def test_detail_is_never_empty() -> None:
    assert problem_document(TooBusy(""))["detail"] == "Too Many Requests"


# Those of the contract: the capability runner has more, and documents of its own.
KINDS = [kind for kind in (Problem, *Problem.__subclasses__()) if kind.__module__ == "palio.errors"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_problem_has_a_type_and_is_json(kind: type[Problem]) -> None:
    document = problem_document(kind("what happened"))

    assert str(document["type"]).startswith("https://www.rfc-editor.org/")
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert document["status"] == kind.status
