"""Makes images with a Palio server, and follows its workflows. Needs Python 3.9 or newer and nothing else.

    python3 palio.py image "PROMPT" [--engine ENGINE] [--size WxH | --aspect W:H] [--quantity N] [--out DIR] ...
    python3 palio.py submit FILE     a workflow template as JSON; - is standard input
    python3 palio.py get ID          a workflow and its images, as soon as it is over
    python3 palio.py cancel ID

The server is PALIO_URL (default http://127.0.0.1:8080) and the token PALIO_TOKEN, or the one that a server on this
machine keeps in its data folder. Images are saved to --out; their paths are printed, one a line. Exits 0 when done,
1 when refused or failed, 3 when the server is not reached.
"""

import argparse
import base64
import http.client
import ipaddress
import json
import mimetypes
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Union  # noqa: UP035 - runs on older Pythons than Palio itself

URL = os.environ.get("PALIO_URL", "http://127.0.0.1:8080").rstrip("/")
WORKFLOWS = "/v2/consumer/workflows"
FINAL = ("succeeded", "failed", "expired", "canceled")
HOLD = 20
"""Seconds that the server is asked to hold a reply."""
PATIENCE = 60
"""Seconds that a reply may take."""
OUTAGE = 30
"""Seconds that the server may be away while a workflow is followed."""

Document = Dict[str, object]  # noqa: UP006


def main() -> int:
    """Do what the command line says."""
    arguments = _arguments()
    try:
        if arguments.command == "image":
            workflow = _ask("POST", f"{WORKFLOWS}/image", _image(arguments))
        elif arguments.command == "submit":
            text = sys.stdin.read() if arguments.file == "-" else Path(arguments.file).read_text(encoding="utf-8")
            workflow = _ask("POST", WORKFLOWS, json.loads(text))
        elif arguments.command == "cancel":
            _ask("PUT", _path(arguments.id), {"status": "canceled"})
            print("canceled", arguments.id)
            return 0
        else:
            workflow = _ask("GET", _path(arguments.id))
        return _finish(_follow(workflow, arguments.timeout), Path(arguments.out))
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    except (OSError, ValueError, http.client.HTTPException) as error:
        network = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)
        is_network = isinstance(error, network)
        print(f"cannot reach {URL}: {error}" if is_network else f"error: {error}", file=sys.stderr)
        return 3 if is_network else 1


class Refused(Exception):
    """The server said no."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would send the token along, wherever that leads."""

    def redirect_request(self, *_: object) -> None:
        return None


def _image(arguments: argparse.Namespace) -> Document:
    given: Document = {
        "engine": arguments.engine,
        "prompt": arguments.prompt,
        "negativePrompt": arguments.negative,
        "aspectRatio": arguments.aspect,
        "quantity": arguments.quantity,
        "seed": arguments.seed,
        "model": arguments.model,
        "strength": arguments.strength,
        "outputFormat": arguments.format,
        "images": [_reference(image) for image in arguments.image] or None,
    }
    if arguments.size:
        width, _, height = arguments.size.lower().partition("x")
        given.update(width=int(width), height=int(height))
    return {name: value for name, value in given.items() if value is not None}


def _reference(image: str) -> str:
    """A URL as it is, a file as a data URL."""
    if image.startswith(("http://", "https://", "data:")):
        return image
    kind = mimetypes.guess_type(image)[0] or "image/png"
    return f"data:{kind};base64,{base64.b64encode(Path(image).read_bytes()).decode()}"


def _follow(workflow: Document, timeout: float) -> Document:
    """The workflow when it is over, or when the time is."""
    end = time.monotonic() + timeout
    told = None
    reached = time.monotonic()
    while workflow.get("status") not in FINAL and time.monotonic() < end:
        if told != workflow.get("status"):
            told = workflow.get("status")
            print(f"workflow {workflow.get('id')}: {told}", file=sys.stderr)
        try:
            wait = max(1, min(HOLD, int(end - time.monotonic())))
            workflow = _ask("GET", f"{_path(str(workflow.get('id')))}?wait={wait}")
            reached = time.monotonic()
        except (OSError, http.client.HTTPException):
            # A server that restarts takes its workflows up again.
            if time.monotonic() - reached > OUTAGE:
                raise
            time.sleep(1)
    return workflow


def _finish(workflow: Document, out: Path) -> int:
    """Save the images and say where they are, or why there are none."""
    status = workflow.get("status")
    print(f"workflow {workflow.get('id')}: {status}", file=sys.stderr)
    for step in _steps(workflow):
        output = _object(step.get("output"))
        for image in _objects(output.get("images")):
            if image.get("available") and image.get("url"):
                print(_save(str(image["url"]), str(image["id"]), out))
        for job in _objects(step.get("jobs")):
            if job.get("status") in FINAL[1:]:
                print(f"job {job.get('id')}: {job.get('blockedReason') or job.get('reason')}", file=sys.stderr)
    if status not in FINAL:
        print(f"It goes on. See it with: get {workflow.get('id')}", file=sys.stderr)
    return 0 if status == "succeeded" else 1


def _steps(holder: Document) -> Iterator[Document]:
    """The steps of a workflow, each followed by those that it repeats."""
    for step in _objects(holder.get("steps")):
        yield step
        yield from _steps(_object(step.get("output")))


def _object(value: object) -> Document:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> List[Document]:  # noqa: UP006
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _save(url: str, name: str, out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    # What a server says never leads out of the folder.
    file = out / (re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "image")
    try:
        with _opener(url).open(url, timeout=PATIENCE) as reply:
            file.write_bytes(reply.read())
    except urllib.error.HTTPError as error:
        raise Refused(f"{name} cannot be fetched: {error.code} {error.reason}") from None
    return file


def _ask(method: str, path: str, body: Optional[object] = None) -> Document:  # noqa: UP045
    headers = {"Content-Type": "application/json"}
    token = _token()
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    if not URL.startswith(("http://", "https://")):
        raise ValueError(f"PALIO_URL is {URL!r}, not the address of a server")
    request = urllib.request.Request(URL + path, data, headers, method=method)  # noqa: S310 - checked
    try:
        with _opener(URL, _Stay()).open(request, timeout=PATIENCE) as reply:
            content = reply.read()
    except urllib.error.HTTPError as error:
        if error.code in (429, 502, 503, 504) and method == "GET":
            raise ConnectionError(f"{error.code} {error.reason}") from None
        raise Refused(_reason(error)) from None
    document = json.loads(content) if content else {}
    return document if isinstance(document, dict) else {}


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        fields = [f"{path}: {message}" for path, told in problem.get("errors", {}).items() for message in told]
        return "\n  ".join([f"{problem['detail']} ({error.code})", *fields[1:]])
    except (ValueError, KeyError, AttributeError, TypeError):
        return f"{error.code} {error.reason}"


def _token() -> Union[str, None]:  # noqa: UP007
    """The token of the environment; that of this machine's server is never sent to another one."""
    if os.environ.get("PALIO_TOKEN"):
        return os.environ["PALIO_TOKEN"].strip()
    if not _is_local(URL):
        return None
    data = os.environ.get("PALIO_DATA") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "palio"
    )
    try:
        return Path(data, "token").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _opener(url: str, *handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """One that goes past a proxy to a server on this machine."""
    past = [urllib.request.ProxyHandler({})] if _is_local(url) else []
    return urllib.request.build_opener(*handlers, *past)


def _is_local(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _path(workflow_id: str) -> str:
    return f"{WORKFLOWS}/{urllib.parse.quote(workflow_id, safe='')}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    image = commands.add_parser("image", help="make images and save them")
    image.add_argument("prompt")
    image.add_argument("--engine", default="flux2", help="which engine (default: flux2)")
    image.add_argument("--size", metavar="WxH", type=_size, help="pixels, such as 1024x768")
    image.add_argument("--aspect", metavar="W:H", help="shape, such as 16:9, in place of --size")
    image.add_argument("--quantity", type=int, help="how many images")
    image.add_argument("--negative", metavar="TEXT", help="what to keep out")
    image.add_argument("--seed", type=int, help="repeats an image")
    image.add_argument("--model", help="a model of the engine")
    image.add_argument("--image", metavar="FILE", action="append", default=[], help="start from it; may be repeated")
    image.add_argument("--strength", type=float, help="with one --image: vary it this much, 0 to 1")
    image.add_argument("--format", choices=("jpeg", "png", "webP"), help="encoding (default: jpeg)")
    submit = commands.add_parser("submit", help="submit a workflow template")
    submit.add_argument("file")
    get = commands.add_parser("get", help="wait for a workflow and save its images")
    get.add_argument("id")
    cancel = commands.add_parser("cancel", help="stop a workflow")
    cancel.add_argument("id")
    for command in (image, submit, get):
        command.add_argument("--out", default="images", metavar="DIR", help="where to save (default: images)")
        command.add_argument("--timeout", type=float, default=300, help="seconds to wait (default: 300)")
    return parser.parse_args()


def _size(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}[xX][0-9]{1,6}", text):
        raise argparse.ArgumentTypeError("must be width x height, such as 1024x768")
    return text


if __name__ == "__main__":
    sys.exit(main())
