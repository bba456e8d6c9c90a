"""The catalog of skills over REST. Anyone may read it: it is the same on every server and names no account."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from palio import __version__
from palio.contract.json import JsonObject
from palio.errors import NotFound
from palio.surfaces.rest.operation import Access, Operation, Reply
from palio.surfaces.rest.replies import json_reply
from palio.surfaces.skill.folder import DESCRIPTION, NAME, archive, skill_files

SKILLS = "/skills"

_MEDIA_TYPES = {"md": "text/markdown; charset=utf-8", "py": "text/x-python; charset=utf-8"}


class SkillOperations:
    """Handlers for everything below /skills."""

    async def list_skills(self, _request: Request) -> Response:
        return json_reply({"skills": [_entry()]})

    async def get(self, request: Request) -> Response:
        _expect(request)
        return json_reply(_entry())

    async def contents(self, request: Request) -> Response:
        _expect(request)
        return json_reply({"name": NAME, "files": [_file(path, data) for path, data in skill_files().items()]})

    async def file(self, request: Request) -> Response:
        _expect(request)
        path = request.path_params["file"]
        content = skill_files().get(path)
        if content is None:
            raise NotFound(f"the skill {NAME} has no file {path[:200]!r}; it has {', '.join(skill_files())}")
        return Response(content, media_type=_MEDIA_TYPES[path.rpartition(".")[2]])

    async def download(self, request: Request) -> Response:
        _expect(request)
        headers = {"Content-Disposition": f'attachment; filename="{NAME}.zip"'}
        return Response(archive(), headers=headers, media_type="application/zip")

    def operations(self) -> tuple[Operation, ...]:
        """The routes."""
        skill = SKILLS + "/{skillName}"
        return (
            Operation(
                "GET",
                SKILLS,
                "listSkills",
                "Skills for agents",
                self.list_skills,
                "Skills",
                {200: Reply("The skills there are.", _object(skills=_array(_ENTRY)))},
                access=Access.anyone,
            ),
            Operation(
                "GET",
                skill,
                "getSkill",
                "A skill",
                self.get,
                "Skills",
                {200: Reply("The skill.", _ENTRY)},
                access=Access.anyone,
            ),
            Operation(
                "GET",
                skill + "/contents",
                "listSkillFiles",
                "The files of a skill",
                self.contents,
                "Skills",
                {200: Reply("The files.", _object(name=_TEXT, files=_array(_FILE)))},
                access=Access.anyone,
            ),
            Operation(
                "GET",
                skill + "/contents/{file:path}",
                "getSkillFile",
                "A file of a skill",
                self.file,
                "Skills",
                {200: Reply("The file.", _TEXT, "text/*")},
                access=Access.anyone,
            ),
            Operation(
                "GET",
                skill + "/download",
                "downloadSkill",
                "A skill as a zip file",
                self.download,
                "Skills",
                {200: Reply("The folder.", {"type": "string", "format": "binary"}, "application/zip")},
                access=Access.anyone,
            ),
        )


def _expect(request: Request) -> None:
    name = request.path_params["skillName"]
    if name != NAME:
        raise NotFound(f"there is no skill {name[:100]!r}; there is {NAME}")


def _entry() -> JsonObject:
    return {
        "name": NAME,
        "description": DESCRIPTION,
        "version": __version__,
        "contents": f"{SKILLS}/{NAME}/contents",
        "download": f"{SKILLS}/{NAME}/download",
    }


def _file(path: str, content: bytes) -> JsonObject:
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _object(**members: JsonObject) -> JsonObject:
    return {"type": "object", "required": list(members), "properties": dict(members)}


def _array(items: JsonObject) -> JsonObject:
    return {"type": "array", "items": items}


_TEXT: JsonObject = {"type": "string"}
_ENTRY = _object(name=_TEXT, description=_TEXT, version=_TEXT, contents=_TEXT, download=_TEXT)
_FILE = _object(path=_TEXT, size={"type": "integer"}, sha256=_TEXT)
