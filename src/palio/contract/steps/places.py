"""Reading an input some of whose values are references, and so not known yet.

What a reference will bring cannot be judged before it is resolved, so each is replaced: an optional member by
its default, anything else by a stand-in that satisfies every rule. What the rest of the input gets wrong still
shows, and the result is good enough to price and to count.
"""

import copy
from collections.abc import Collection

from pydantic import BaseModel

from palio.contract.image.fields import members
from palio.contract.json import Json, JsonObject
from palio.contract.references import Place

_IMAGE = "https://reference.invalid/image"
_AIR = "urn:air:other:checkpoint:reference:0"
_CONTROL_NET: JsonObject = {"preprocessor": "canny", "weight": 1, "startStep": 0, "endStep": 1}

# What stands in for a member that must be there, for one item of an array and for one value of a map, by name:
# a name means the same in every input that has it.
_MEMBERS: JsonObject = {
    "prompt": "reference",
    "message": "reference",
    "image": _IMAGE,
    "images": [_IMAGE],
    "mask": _IMAGE,
    "model": _AIR,
    "diffuserModel": _AIR,
    "air": _AIR,
    **_CONTROL_NET,
}
_ITEMS: JsonObject = {
    "images": _IMAGE,
    "embeddings": _AIR,
    "controlNets": _CONTROL_NET,
    "loras": {"air": _AIR},
}
_VALUES: JsonObject = {"loras": 1, "additionalNetworks": {}}
_OPTIONAL = frozenset({"strength", "triggerWord", "type"})


def without_references(model: type[BaseModel], raw: JsonObject, places: Collection[Place]) -> JsonObject:
    """A copy of `raw`, to be read by `model`, in which no value at `places` is left."""
    filled = copy.deepcopy(raw)
    optional = {name for name, field in members(model).items() if not field.is_required()}
    for place in places:
        _fill(filled, place, optional)
    return filled


def _fill(filled: JsonObject, place: Place, optional: Collection[str]) -> None:
    *way, last = place
    parent: Json = filled
    for key in way:
        parent = _child(parent, key)
    name = way[-1] if way else ""
    if isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        parent[last] = copy.deepcopy(_ITEMS.get(str(name), parent[last]))
    elif isinstance(parent, dict) and isinstance(last, str) and last in parent:
        if name in _VALUES:
            parent[last] = copy.deepcopy(_VALUES[str(name)])
        elif last in (_OPTIONAL if way else optional):
            del parent[last]
        elif last in _MEMBERS:
            parent[last] = copy.deepcopy(_MEMBERS[last])


def _child(parent: Json, key: str | int) -> Json:
    if isinstance(parent, list) and isinstance(key, int) and key < len(parent):
        return parent[key]
    if isinstance(parent, dict) and isinstance(key, str):
        return parent.get(key)
    return None
