"""`palio image`: from a sentence to files in a folder."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from palio.contract.document import Blob, Step, every_step
from palio.contract.status import Status
from palio.errors import SetupError
from palio.surfaces.cli.client import Client, connected, read_workflow
from palio.surfaces.cli.folder import make_folder
from palio.surfaces.cli.options import AsJson, Token, Url

DEFAULT_ENGINE = "z-image"
MAX_SOURCE_BYTES = 64 * 1024 * 1024
"""Local images larger than this are not even read; the server's own limit is much lower."""


def image(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the picture shows.")],
    engine: Annotated[
        str, typer.Option(help="Engine: sdxl, sd1, flux1, flux2, z-image, qwen, seedream, grok ...")
    ] = DEFAULT_ENGINE,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    quantity: Annotated[int | None, typer.Option(help="How many images.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same picture.")] = None,
    negative: Annotated[str | None, typer.Option(help="What to avoid.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampler steps.")] = None,
    model: Annotated[str | None, typer.Option(help="Member of the engine's family, or an AIR.")] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="PATH_OR_URL", help="Source image; may be repeated.")
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="How far to leave the source: 0 keeps it, 1 ignores it.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="jpeg, png or webP.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path(),
    url: Url = None,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Make images and save them: prints each file and which provider made it."""
    given = {
        "engine": engine,
        "prompt": prompt,
        "width": width,
        "height": height,
        "quantity": quantity,
        "seed": seed,
        "negativePrompt": negative,
        "steps": steps,
        "model": model,
        "images": [_reference(source) for source in image or []] or None,
        "strength": strength,
        "outputFormat": format,
    }
    make_folder(out)
    with connected(url, token) as client:
        _run(client, {name: value for name, value in given.items() if value is not None}, out, json)


def _run(client: Client, image: dict[str, object], out: Path, json: bool) -> None:
    from palio.surfaces.cli.follow import follow
    from palio.surfaces.cli.report import describe

    reply = follow(client, client.submit_image(image))
    workflow = read_workflow(reply)
    if workflow.status is not Status.succeeded:
        typer.echo(reply if json else describe(workflow), err=not json)
        raise typer.Exit(1)
    for step in every_step(workflow.steps):
        for line in _save(client, step, out):
            # With --json, standard output holds the document only.
            typer.echo(line, err=json)
    if json:
        typer.echo(reply)


def _save(client: Client, step: Step, out: Path) -> Iterator[str]:
    """Download a step's images: a line for each. What is missing is told on standard error."""
    from palio.surfaces.cli.report import makers, troubles

    made_by = makers(step)
    for number, blob in enumerate((step.output.images or []) if step.output else []):
        if not blob.available or not blob.url:
            reason = blob.blocked_reason or "not available"
            typer.echo(f"palio: image {number + 1}: {reason}", err=True)
            continue
        file = out / _file_name(blob)
        client.download(blob.url, file)
        yield f"{file}  (made by {made_by[blob.id]})"
    for trouble in troubles(step):
        typer.echo(f"palio: {trouble}", err=True)


def _file_name(blob: Blob) -> str:
    """The blob's id where that is a plain file name; what a server says never leads out of the folder."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", blob.id).lstrip(".")
    return name[:200] or "image"


def _reference(source: str) -> str:
    """A source image as the contract takes it: URLs as they are, a local file as a data URL."""
    if source.startswith(("http://", "https://", "data:")):
        return source
    try:
        with Path(source).open("rb") as stream:
            content = stream.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise SetupError(f"cannot read {source}: {error.strerror}") from None
    media_type = next((kind for kind, pattern in _SIGNATURES.items() if re.match(pattern, content, re.DOTALL)), None)
    if media_type is None:
        raise SetupError(f"{source} is not a PNG, JPEG, WebP or GIF image")
    if len(content) > MAX_SOURCE_BYTES:
        raise SetupError(f"{source} is larger than {MAX_SOURCE_BYTES} bytes")
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


_SIGNATURES = {
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/jpeg": rb"\xff\xd8\xff",
    "image/webp": rb"RIFF....WEBP",
    "image/gif": rb"GIF8[79]a",
}
