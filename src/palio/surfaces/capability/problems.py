"""Problem documents (RFC 9457), for what the runner itself has to say. An API's own go through as they are."""

import msgspec
from starlette.types import Send

from palio.errors import Problem


class NotAllowed(Problem):
    """There is something here, but not with this method."""

    status = 405
    title = "Method Not Allowed"


class Misdirected(Problem):
    """The request was meant for another host: a page in a browser was led here."""

    status = 421
    title = "Misdirected Request"


def problem_document(problem: Problem) -> dict[str, object]:
    """{type, title, status, detail} and, when parameters are at fault, {errors} by their names."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    return document | {"errors": problem.errors} if problem.errors else document


async def send_problem(send: Send, problem: Problem, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """Answer with a problem document."""
    data = msgspec.json.encode(problem_document(problem))
    all_headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(data)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": all_headers})
    await send({"type": "http.response.body", "body": data})
