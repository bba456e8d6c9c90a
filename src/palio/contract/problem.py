"""Problem documents: what a caller reads when a request cannot be done (RFC 9457)."""

from palio.contract.json import JsonObject
from palio.errors import Problem

_RFC_9110 = "https://www.rfc-editor.org/rfc/rfc9110#section-"
_TYPES = {
    400: f"{_RFC_9110}15.5.1",
    401: f"{_RFC_9110}15.5.2",
    403: f"{_RFC_9110}15.5.4",
    404: f"{_RFC_9110}15.5.5",
    413: f"{_RFC_9110}15.5.14",
    415: f"{_RFC_9110}15.5.16",
    429: "https://www.rfc-editor.org/rfc/rfc6585#section-4",
    500: f"{_RFC_9110}15.6.1",
}


def problem_document(problem: Problem) -> JsonObject:
    """The document for a problem: {type, title, status, detail} and, when fields are at fault, {errors}.

    `status` is inside and `detail` never empty because clients read only the body; `errors` maps paths to arrays
    of messages, as clients fail on an array of errors.
    """
    document: JsonObject = {
        "type": _TYPES.get(problem.status, "about:blank"),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
    }
    if problem.errors:
        document["errors"] = {path: list(messages) for path, messages in problem.errors.items()}
    return document
