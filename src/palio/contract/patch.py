"""Changes to a workflow or step after it was submitted: JSON Patch (RFC 6902) and replacing updates."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import jsonpatch
import msgspec

from palio.contract.json import Json, JsonObject, is_too_deep
from palio.contract.members import Errors, read_boolean, read_metadata, read_tags, size_of
from palio.contract.status import Status
from palio.errors import BadRequest

MAX_OPERATIONS = 100
MAX_POINTER_LENGTH = 1000
MAX_PATCHED = 256 * 1024
"""Bytes of JSON that a document may have between two operations of a patch."""

_NEEDS = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an owner may change of a workflow. `status` can only become canceled."""

    status: str
    metadata: JsonObject
    tags: tuple[str, ...]
    allow_mature_content: bool | None


def patch_workflow(target: Attributes, patch: Json) -> Attributes:
    """The attributes after a JSON Patch of `{status, metadata, tags, allowMatureContent}`.

    Raises BadRequest at the operation that cannot be done (`[2].path`), or at the member that ends up wrong.
    """
    document: JsonObject = {
        "status": target.status,
        "metadata": target.metadata,
        "tags": list(target.tags),
        "allowMatureContent": target.allow_mature_content,
    }
    patched = _apply(patch, document)
    errors = Errors()
    attributes = Attributes(
        status=errors.require(_status_after(target.status), patched["status"], "status", ""),
        metadata=errors.require(read_metadata, patched["metadata"], "metadata", {}),
        tags=errors.require(read_tags, patched["tags"], "tags", ()),
        allow_mature_content=errors.read(read_boolean, patched["allowMatureContent"], "allowMatureContent", None),
    )
    errors.raise_any()
    return attributes


def update_workflow(target: Attributes, body: JsonObject) -> Attributes:
    """The attributes after an update, in which absent and null members leave theirs as they are."""
    errors = Errors()
    attributes = Attributes(
        status=errors.read(_status_after(None), body.get("status"), "status", target.status),
        metadata=errors.read(read_metadata, body.get("metadata"), "metadata", target.metadata),
        tags=errors.read(read_tags, body.get("tags"), "tags", target.tags),
        allow_mature_content=errors.read(
            read_boolean, body.get("allowMatureContent"), "allowMatureContent", target.allow_mature_content
        ),
    )
    errors.raise_any()
    return attributes


def patch_step(metadata: JsonObject, patch: Json) -> JsonObject:
    """A step's metadata after a JSON Patch of `{metadata}`."""
    return update_step(_apply(patch, {"metadata": metadata}))


def update_step(body: JsonObject) -> JsonObject:
    """A step's metadata after an update, which has to have it."""
    errors = Errors()
    metadata: JsonObject = errors.require(read_metadata, body.get("metadata"), "metadata", {})
    errors.raise_any()
    return metadata


def _status_after(current: str | None) -> Callable[[Json, str], str]:
    """A reader of the status that a change leads to: still the current one, or canceled."""

    def read(value: Json, at: str) -> str:
        if isinstance(value, str) and value == current:
            return value
        if not isinstance(value, str) or value.lower() != Status.canceled:
            raise BadRequest.at(at, f"can only be changed to {Status.canceled}")
        return Status.canceled

    return read


def _apply(patch: Json, document: JsonObject) -> JsonObject:
    """A changed copy of `document`, which keeps its members; checked after every operation.

    One `copy` can double a document, so a check at the end only would come too late.
    """
    if not isinstance(patch, list):
        raise BadRequest.at("", "a JSON Patch is an array of operations")
    if len(patch) > MAX_OPERATIONS:
        raise BadRequest.at("", f"a patch has at most {MAX_OPERATIONS} operations")
    patched: Json = msgspec.json.decode(msgspec.json.encode(document))
    for index, operation in enumerate(patch):
        at = f"[{index}]"
        patched = _apply_one(_read_operation(operation, at), patched, at)
        if not isinstance(patched, dict) or patched.keys() != document.keys():
            raise BadRequest.at(f"{at}.path", f"only {', '.join(document)} can be changed, and none removed")
        if is_too_deep(patched) or size_of(patched) > MAX_PATCHED:
            raise BadRequest.at(f"{at}.path", "makes the document too large or nested too deeply")
    return patched if isinstance(patched, dict) else {}


def _apply_one(operation: JsonObject, document: Json, at: str) -> Json:
    try:
        changed: Json = jsonpatch.JsonPatch([operation]).apply(document, in_place=True)
    except jsonpatch.JsonPatchTestFailed:
        raise BadRequest.at(f"{at}.path", "does not have the value that it is tested for") from None
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise BadRequest.at(f"{at}.path", f"cannot be done: {str(error)[:200]}") from None
    return changed


def _read_operation(operation: Json, at: str) -> JsonObject:
    if not isinstance(operation, dict):
        raise BadRequest.at(at, "must be an object with `op` and `path`")
    name = operation.get("op")
    if not isinstance(name, str) or name not in _NEEDS:
        raise BadRequest.at(f"{at}.op", f"must be one of {', '.join(_NEEDS)}")
    for member in ("path", *_NEEDS[name]):
        if member not in operation:
            raise BadRequest.at(f"{at}.{member}", f"is required to {name}")
        if member != "value":
            _check_pointer(operation[member], f"{at}.{member}")
    return operation


def _check_pointer(value: Json, at: str) -> None:
    if not isinstance(value, str) or len(value) > MAX_POINTER_LENGTH or not _POINTER.fullmatch(value):
        raise BadRequest.at(at, "must be a JSON Pointer such as /metadata/name")
