"""Skill exposure: a catalog to read. Nothing is run here; agents are told where the tools are.

Documents have the members that the engine of the specification gives them
(github.com/naftiko/framework, `exposes/skill`).
"""

import asyncio
import io
import mimetypes
import zipfile
from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from palio.errors import NotFound, Problem, TooLarge
from palio.surfaces.capability.plan import SkillEntry
from palio.surfaces.capability.problems import problem_document

MAX_FILES = 1000
MAX_ARCHIVE = 32 * 1024 * 1024
"""Bytes of the files of a skill that is packed; it is done in memory."""


class Catalog:
    """The skills of one port."""

    def __init__(self, entries: Sequence[SkillEntry]) -> None:
        self._entries = {entry.skill.name: entry for entry in entries}

    def routes(self) -> list[Route]:
        """What answers below /skills."""
        return [
            Route("/skills", self._all),
            Route("/skills/{name}", self._one),
            Route("/skills/{name}/contents", self._contents),
            Route("/skills/{name}/contents/{file:path}", self._file),
            Route("/skills/{name}/download", self._download),
        ]

    async def _all(self, _request: Request) -> Response:
        skills = [_summary(entry) for entry in self._entries.values()]
        return JSONResponse({"count": len(skills), "skills": skills})

    async def _one(self, request: Request) -> Response:
        entry = self._find(request)
        return _refusal(entry) if isinstance(entry, Problem) else JSONResponse(_details(entry))

    async def _contents(self, request: Request) -> Response:
        folder = self._folder(request)
        if isinstance(folder, Problem):
            return _refusal(folder)
        files = await asyncio.to_thread(_files, folder)
        described = [
            {"path": file.relative_to(folder).as_posix(), "size": file.stat().st_size, "type": _type(file)}
            for file in files
        ]
        return JSONResponse({"name": request.path_params["name"], "files": described})

    async def _file(self, request: Request) -> Response:
        folder = self._folder(request)
        if isinstance(folder, Problem):
            return _refusal(folder)
        name = request.path_params["file"]
        file = next(
            (each for each in await asyncio.to_thread(_files, folder) if str(each.relative_to(folder)) == name), None
        )
        if file is None:
            return _refusal(NotFound("the skill has no such file"))
        return FileResponse(file, media_type=_type(file))

    async def _download(self, request: Request) -> Response:
        folder = self._folder(request)
        if isinstance(folder, Problem):
            return _refusal(folder)
        archive = await asyncio.to_thread(_archive, folder)
        if archive is None:
            return _refusal(TooLarge(f"the skill has more than {MAX_ARCHIVE} bytes; take its files one by one"))
        name = request.path_params["name"]
        return Response(
            archive, media_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}.zip"'}
        )

    def _find(self, request: Request) -> SkillEntry | NotFound:
        return self._entries.get(request.path_params["name"]) or NotFound("there is no such skill; see /skills")

    def _folder(self, request: Request) -> Path | NotFound:
        entry = self._find(request)
        if isinstance(entry, NotFound):
            return entry
        return entry.folder or NotFound("the skill has no files")


def _summary(entry: SkillEntry) -> dict[str, object]:
    skill = entry.skill
    summary: dict[str, object] = {"name": skill.name, "description": skill.description}
    if skill.license is not None:
        summary["license"] = skill.license
    return summary | {"tools": [tool.name for tool in skill.tools]}


def _details(entry: SkillEntry) -> dict[str, object]:
    modes = dict(entry.modes)
    written = entry.skill.model_dump(by_alias=True, exclude_none=True, exclude={"location", "tools"})
    if not written["metadata"]:
        del written["metadata"]
    tools: list[dict[str, object]] = []
    for tool in entry.skill.tools:
        described: dict[str, object] = {"name": tool.name, "description": tool.description}
        if tool.from_:
            source = tool.from_
            described["type"] = "derived"
            described["invocationRef"] = {
                "targetNamespace": source.source_namespace,
                "action": source.action,
                "mode": modes[source.source_namespace],
            }
        else:
            described |= {"type": "instruction", "instruction": tool.instruction}
        tools.append(described)
    return {**written, "tools": tools}


def _files(folder: Path) -> list[Path]:
    """The files below a folder, none of which leads out of it, in order; no more than MAX_FILES."""
    found: list[Path] = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.resolve().is_relative_to(folder):
            found.append(file)
            if len(found) == MAX_FILES:
                break
    return found


def _archive(folder: Path) -> bytes | None:
    files = _files(folder)
    if sum(file.stat().st_size for file in files) > MAX_ARCHIVE:
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder).as_posix())
    return packed.getvalue()


def _type(file: Path) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _refusal(problem: Problem) -> Response:
    return JSONResponse(problem_document(problem), problem.status, media_type="application/problem+json")
