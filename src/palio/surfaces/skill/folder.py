"""The skill as files, written from the same descriptions as the MCP tools."""

import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from palio.contract.image.friendly import FRIENDLY_ENGINES
from palio.contract.image.guide import DEFAULT_ENGINE, guides
from palio.errors import SetupError
from palio.surfaces.mcp.arguments import DEFAULT_WAIT
from palio.surfaces.mcp.catalog import TOOLS, Action
from palio.surfaces.mcp.guides import PAGES
from palio.surfaces.mcp.schemas import EXAMPLES, input_schema

NAME = "palio"
DESCRIPTION = (
    "Makes and edits images with a Palio server: from a prompt, from other images, or in workflows of several steps. "
    "Use when the user asks for a picture, illustration, photo, icon or cover, for a variation or an edit of an "
    "image, or about a generation that runs on Palio."
)
SCRIPT = "scripts/palio.py"

MAX_WAIT = 100
"""Seconds; what a server holds a call at most unless it is set otherwise."""


@cache
def skill_files() -> Mapping[str, bytes]:
    """Every file of the skill by its path in the folder."""
    texts = {
        "SKILL.md": _skill(),
        "references/tools.md": _tools(),
        **{f"references/{page.name}.md": page.write() for page in PAGES.values()},
        SCRIPT: files("palio.surfaces.skill").joinpath("script.py").read_text(encoding="utf-8"),
    }
    return {path: text.encode() for path, text in texts.items()}


def archive() -> bytes:
    """The folder as a zip file, the same bytes each time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path, content in skill_files().items():
            entry = zipfile.ZipInfo(f"{NAME}/{path}", date_time=(2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path == SCRIPT else 0o644) << 16
            file.writestr(entry, content)
    return packed.getvalue()


def export(folder: Path) -> list[Path]:
    """Write the skill to `folder`/palio; returns the files. Raises SetupError."""
    written = []
    try:
        for path, content in skill_files().items():
            file = folder / NAME / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o755 if path == SCRIPT else 0o644)
            written.append(file)
    except OSError as error:
        raise SetupError(f"cannot write the skill to {folder}: {error.strerror}") from None
    return written


def _skill() -> str:
    choices = "\n".join(f"- `{guide.engine}`: {guide.good_for}." for guide in guides())
    tools = "\n".join(f"- `{tool.action}`: {tool.description}" for tool in TOOLS)
    return f"""---
name: {NAME}
description: {DESCRIPTION}
---

# Palio

Palio is a server that makes images. If its MCP tools are connected, use them. Without them use the script of this
skill, which needs Python alone. Run it from the folder of this skill.

## Make an image

```sh
python3 {SCRIPT} image "a lighthouse on a cliff at dusk" --engine {DEFAULT_ENGINE} --aspect 3:2 --out images
```

It waits, saves the images and prints their paths, one a line. Look at an image before you say that it is done.

The server is `PALIO_URL` (default `http://127.0.0.1:8080`), the token `PALIO_TOKEN`; on the server's own machine the
token is found by itself. If the server is not reached, ask the user to start it with `palio serve`.

## Choose an engine

{choices}

[references/engines.md](references/engines.md) has the sizes, counts and models of each.

## When it is refused

The script prints what is wrong, by field, and exits 1. Correct the field and run it again. `width` and `height` have
to lie in the range of the engine; `--aspect` always fits.

## Edit or vary an image

`--image FILE` starts from an image and may be repeated. With one image `--strength 0.5` varies it.

## When it takes long

After `--timeout` seconds the script prints the id of the workflow, which goes on. `python3 {SCRIPT} get ID` waits for
it and saves its images; `python3 {SCRIPT} cancel ID` stops it.

## Several steps

Write a template as in [references/workflows.md](references/workflows.md) and run `python3 {SCRIPT} submit FILE`.

## MCP tools

{tools}

[references/tools.md](references/tools.md) has their arguments. `{Action.generate}` waits {DEFAULT_WAIT} seconds unless
told; its answer always names the workflow.
"""


def _tools() -> str:
    sections = []
    for tool in TOOLS:
        schema = json.dumps(input_schema(tool.action, MAX_WAIT), indent=2, ensure_ascii=False)
        example = json.dumps(EXAMPLES[tool.action], ensure_ascii=False)
        hints = [
            word
            for word, holds in (
                ("only reads", tool.hints.read_only),
                ("destructive", tool.hints.destructive),
                ("may be repeated", tool.hints.idempotent),
            )
            if holds
        ]
        sections.append(
            f"## {tool.action}\n\n{tool.description}{' It ' + ', '.join(hints) + '.' if hints else ''}\n\n"
            f"For example: `{example}`\n\n```json\n{schema}\n```\n"
        )
    head = f"# Tools\n\nEngines: {', '.join(FRIENDLY_ENGINES)}. Every tool takes one JSON object.\n"
    return "\n".join([head, *sections])
