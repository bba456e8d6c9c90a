"""The HTTP client of the commands: the few operations they need, and failures in words for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from palio.contract.document import Page, Workflow
from palio.errors import PalioError, SetupError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds a reply may take beyond what the server was asked to wait."""
MAX_IMAGE_BYTES = 1024 * 1024 * 1024
"""Largest file that is downloaded."""


class Unreachable(PalioError):
    """No answer came from the server."""


class Refused(PalioError):
    """The server answered, and the answer is no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Interrupted(PalioError):
    """The user pressed Ctrl-C; what was submitted goes on."""


class Client:
    """A server and a token. Replies are the server's own bytes; `read_workflow` and `read_page` make them values."""

    def __init__(self, url: str, token: str | None) -> None:
        import httpx

        if not _is_address(url):
            raise SetupError(f"{url!r} is not the address of a server, such as http://127.0.0.1:8080")
        if token and not (token.isascii() and token.isprintable()):
            raise SetupError("the token has characters that no token has")
        self.url = url.rstrip("/")
        self._files = httpx.Client(timeout=PATIENCE, follow_redirects=True, trust_env=not is_local(url))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._api = httpx.Client(headers=headers, timeout=PATIENCE, trust_env=not is_local(url))

    def close(self) -> None:
        self._api.close()
        self._files.close()

    def submit(self, template: bytes, *, wait: int = 0, whatif: bool = False) -> bytes:
        """Submit a workflow template as it is."""
        query = {"wait": str(wait), "whatif": str(whatif).lower()}
        return self._ask("POST", "", query=query, body=template, patience=wait)

    def submit_image(self, image: Mapping[str, object]) -> bytes:
        """Submit a bare image input, which may use a friendly engine name."""
        return self._ask("POST", "/image", body=msgspec.json.encode(image))

    def get(self, workflow_id: str, *, wait: int = 0) -> bytes:
        """The workflow now, or as soon as it is final within `wait` seconds."""
        return self._ask("GET", _path(workflow_id), query={"wait": str(wait)}, patience=wait)

    def page(self, query: Mapping[str, str | Sequence[str]]) -> bytes:
        """One page of workflows, newest first."""
        return self._ask("GET", "", query=query)

    def cancel(self, workflow_id: str) -> None:
        """Ask for the workflow to be canceled."""
        self._ask("PUT", _path(workflow_id), body=b'{"status":"canceled"}')

    def delete(self, workflow_id: str) -> None:
        """Cancel what still runs and forget the workflow."""
        self._ask("DELETE", _path(workflow_id))

    def providers(self) -> bytes:
        """How the server's providers stand."""
        return self._ask("GET", "", below="/v2/operator/providers")

    def download(self, url: str, target: Path) -> None:
        """Save what a signed URL gives; `target` appears only once it is whole."""
        part = target.with_name(target.name + ".part")
        try:
            with self._talking(), self._files.stream("GET", url) as reply:
                if not reply.is_success:
                    raise Refused(f"{url.split('?')[0]} answered {reply.status_code}", reply.status_code)
                _save(reply.iter_bytes(), part)
            part.replace(target)
        except OSError as error:
            raise SetupError(f"cannot write {target}: {error.strerror}") from None
        finally:
            part.unlink(missing_ok=True)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | Sequence[str]] | None = None,
        body: bytes | None = None,
        patience: float = 0,
        below: str = "/v2/consumer/workflows",
    ) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        with self._talking():
            reply = self._api.request(
                method,
                f"{self.url}{below}{path}",
                params=query,
                content=body,
                headers=headers,
                timeout=PATIENCE + patience,
            )
        if not reply.is_success:
            raise Refused(_refusal(reply), reply.status_code)
        return reply.content

    @contextmanager
    def _talking(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(
                f"cannot reach {self.url} ({reason}).\n"
                "Is the server running? Start it with `palio serve`, or name another with --url or PALIO_URL."
            ) from None


@contextmanager
def connected(url: str | None, token: str | None) -> Iterator[Client]:
    """A client for the server that was named, or else for the one that this machine's settings describe."""
    client = Client(*address(url, token))
    try:
        yield client
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None
    finally:
        client.close()


def read_workflow(reply: bytes) -> Workflow:
    """The workflow in a reply."""
    return _read(reply, Workflow)


def read_page(reply: bytes) -> Page:
    """The page of workflows in a reply."""
    return _read(reply, Page)


def _read(reply: bytes, model: type[T]) -> T:
    try:
        return msgspec.json.decode(reply, type=model)
    except msgspec.DecodeError as error:
        raise Refused(f"this does not look like a Palio server: {error}", 200) from None


def address(url: str | None, token: str | None) -> tuple[str, str | None]:
    """The server that was named and its token, or those that this machine's settings describe."""
    if url and (token or not is_local(url)):
        # A token kept for the server on this machine is never sent to another one.
        return url, token
    from palio.settings import load_settings

    settings = load_settings({})
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
    here = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    return url or here, token or _kept(settings.token_file)


def _kept(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.port != 0 and not any(character.isspace() for character in url)
        return plain and parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine, to which no proxy leads."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _path(workflow_id: str) -> str:
    return "/" + quote(workflow_id, safe="")


def _refusal(reply: "httpx.Response") -> str:
    """A problem document as lines: the sentence, then each field with what is wrong with it."""
    if reply.status_code == 401:
        return (
            "the server does not know this token (401).\n"
            "Give one with --token or PALIO_TOKEN; `palio token create NAME` makes one on the server's machine."
        )
    try:
        problem = msgspec.json.decode(reply.content, type=_Problem)
    except msgspec.DecodeError:
        return f"the server answered {reply.status_code} {reply.reason_phrase}"
    sentence = problem.detail or problem.title or reply.reason_phrase
    fields = [f"{path}: {message}" for path, messages in problem.errors.items() for message in messages]
    # The sentence about a single field often says all there is.
    return "\n  ".join([f"{sentence} ({reply.status_code})", *(field for field in fields if field not in sentence)])


class _Problem(msgspec.Struct):
    detail: str | None = None
    title: str | None = None
    errors: dict[str, list[str]] = {}


def _save(chunks: Iterator[bytes], file: Path) -> None:
    written = 0
    with file.open("wb") as stream:
        for chunk in chunks:
            written += len(chunk)
            if written > MAX_IMAGE_BYTES:
                raise Refused(f"{file.stem} is larger than {MAX_IMAGE_BYTES} bytes", 200)
            stream.write(chunk)
