"""What a server has: its node classes, and the files that its loaders can load."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from palio.contract.json import Json
from palio.providers.hosted.files import file_for

LOADERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "checkpoint": (("CheckpointLoaderSimple", "ckpt_name"),),
    "unet": (("UNETLoader", "unet_name"),),
    "clip": (("CLIPLoader", "clip_name"),),
    "clip_l": (("DualCLIPLoader", "clip_name1"),),
    "t5xxl": (("DualCLIPLoader", "clip_name2"),),
    "vae": (("VAELoader", "vae_name"),),
    "lora": (("LoraLoader", "lora_name"),),
    "controlnet": (("ControlNetLoader", "control_net_name"),),
}
"""Which input of which node lists the files of a kind."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The files of each kind, and the classes of nodes, with what these suggest for each input."""

    files: Mapping[str, frozenset[str]]
    nodes: Mapping[str, Mapping[str, Json]]

    @classmethod
    def read(cls, nodes: Mapping[str, Json], embeddings: Json = None) -> "Installed":
        """From the schemas of nodes by class, as `/object_info` has them, and what `/embeddings` lists."""
        files = {
            kind: frozenset(name for node, member in places for name in _choices(nodes.get(node), member))
            for kind, places in LOADERS.items()
        }
        listed = embeddings if isinstance(embeddings, list) else []
        files["embedding"] = frozenset(name for name in listed if isinstance(name, str))
        return cls(files, {name: dict(_inputs(schema)) for name, schema in nodes.items() if schema})

    def has(self, kind: str, file: str) -> bool:
        """Whether a file is there. A loader that lists nothing is asked nothing."""
        return file in self.files.get(kind, frozenset())

    def file_for(self, kind: str, air: str, named: Mapping[str, str]) -> str | None:
        """The file that an AIR stands for."""
        return file_for(air, self.files.get(kind, ()), named)


def _inputs(schema: Json) -> Iterator[tuple[str, Json]]:
    """Inputs by name, with what the node suggests; of those that may be left out only the resolution."""
    for group in ("required", "optional"):
        inputs = _at(_at(schema, "input"), group)
        for name, described in inputs.items() if isinstance(inputs, dict) else ():
            if group == "required" or name == "resolution":
                options = described[-1] if isinstance(described, list) and len(described) > 1 else None
                first = next(iter(_choices(schema, name)), None) if group == "required" else None
                yield name, _at(options, "default") if _at(options, "default") is not None else first


def _choices(schema: Json, member: str) -> Iterator[str]:
    """What an input can be chosen from: a list of names, or, at newer servers, a type with options."""
    required = _at(_at(schema, "input"), "required")
    described = _at(required, member)
    if not isinstance(described, list) or not described:
        return
    choices = described[0] if isinstance(described[0], list) else _at(described[-1], "options")
    yield from (choice for choice in choices if isinstance(choice, str)) if isinstance(choices, list) else ()


def _at(value: Json, member: str) -> Json:
    return value.get(member) if isinstance(value, dict) else None
