"""What Palio tells a caller when it cannot do as asked.

    PalioError
    ├── Problem            answered as an RFC 9457 problem document
    │   ├── BadRequest     400, with `errors` by field path
    │   ├── Unauthorized   401
    │   ├── Forbidden      403
    │   ├── NotFound       404
    │   ├── TooLarge       413
    │   ├── Unsupported    415
    │   └── TooBusy        429
    ├── SetupError         the server or a command cannot start; the message says what to do
    └── Futile             trying again will not help, however long one waits

Errors of providers are a tree of their own (`palio.providers.base`): they never reach a caller as they are.
"""

from collections.abc import Mapping, Sequence


class PalioError(Exception):
    """Something Palio could not do."""


class SetupError(PalioError):
    """The server or a command cannot start as configured."""


class Futile(PalioError):
    """Something that no later try will bring."""


class Problem(PalioError):
    """A failure with a status code and a sentence for the caller."""

    status = 500
    title = "Internal Server Error"

    def __init__(self, detail: str, errors: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = {path: list(messages) for path, messages in (errors or {}).items()}


class BadRequest(Problem):
    """The request is not valid; `errors` maps each field's path to what is wrong with it."""

    status = 400
    title = "Bad Request"

    @classmethod
    def at(cls, path: str, message: str) -> "BadRequest":
        """A request wrong in one place, e.g. `at("steps[0].input.width", "must be at least 64")`."""
        return cls(f"{path}: {message}" if path else message, {path: [message]})


class Unauthorized(Problem):
    """The bearer token is missing or not known."""

    status = 401
    title = "Unauthorized"


class Forbidden(Problem):
    """The caller may not have this."""

    status = 403
    title = "Forbidden"


class NotFound(Problem):
    """There is nothing here, or nothing that this caller may see."""

    status = 404
    title = "Not Found"


class TooLarge(Problem):
    """The body is larger than this server reads."""

    status = 413
    title = "Content Too Large"


class Unsupported(Problem):
    """The body has a media type that cannot be read here."""

    status = 415
    title = "Unsupported Media Type"


class TooBusy(Problem):
    """More work than this server accepts at once."""

    status = 429
    title = "Too Many Requests"
