"""The models of a server as it lists them, and which of them an AIR or the catalog means.

Source: PyPI `invokeai` 6.14.2, `app/api/routers/model_manager.py` and `backend/model_manager/taxonomy.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from palio.contract.air import is_air, parse_air
from palio.contract.json import Json, JsonObject
from palio.providers.catalog.fitting import short_name
from palio.providers.hosted.files import file_for

BASES: Mapping[str, str] = {
    "sd1": "sd-1",
    "sdxl": "sdxl",
    "flux1": "flux",
    "flux2": "flux2",
    "zImage": "z-image",
    "qwen": "qwen-image",
}
"""What the server calls families."""
VAES: Mapping[str, str] = {"zImage": "flux"}
"""Families that use the VAE of another."""
ENCODERS: Mapping[str, str] = {
    "clip": "clip_embed",
    "t5": "t5_encoder",
    "qwen3": "qwen3_encoder",
    "mistral": "mistral_encoder",
    "qwen_vl": "qwen_vl_encoder",
}
"""Parts that read words; they are of no family."""


class Entry(msgspec.Struct, frozen=True):
    """A model that the server has installed. `source` is where it came from: a URL, or a repository."""

    key: str
    hash: str
    name: str
    base: str
    type: str
    path: str = ""
    source: str = ""
    format: str = ""
    variant: str | None = None

    @property
    def identifier(self) -> JsonObject:
        """As nodes take it."""
        return {"key": self.key, "hash": self.hash, "name": self.name, "base": self.base, "type": self.type}


@dataclass(frozen=True, slots=True)
class Models:
    """All models, in the order of their names."""

    entries: Sequence[Entry]

    @classmethod
    def read(cls, listed: Json) -> "Models":
        """From `/api/v2/models/`. What has not all that a node needs is passed over."""
        found: list[Entry] = []
        for one in listed if isinstance(listed, list) else []:
            try:
                found.append(msgspec.convert(one, Entry))
            except msgspec.ValidationError:
                continue
        return cls(sorted(found, key=lambda entry: (entry.name, entry.key)))

    def of(self, part: str, family: str) -> Sequence[Entry]:
        """Those that can be a part of a model of a family: `main`, `vae`, `lora`, or an encoder."""
        if part in ENCODERS:
            return [entry for entry in self.entries if entry.type == ENCODERS[part]]
        base = VAES.get(family, BASES[family]) if part == "vae" else BASES[family]
        return [entry for entry in self.entries if (entry.type, entry.base) == (part, base)]

    def for_air(self, part: str, family: str, air: str, named: Mapping[str, str]) -> Entry | None:
        """The model that an AIR stands for.

        It is the one the operator named, by name, key or hash; else the one whose name, path or source bears the
        number of the AIR's version; else the one that came from the repository at Hugging Face that the AIR names.
        """
        entries = self.of(part, family)
        if wanted := named.get(short_name(air)):
            return next((entry for entry in entries if wanted in (entry.key, entry.hash, entry.name)), None)
        labels = {label: entry for entry in entries for label in (entry.name, entry.path, entry.source)}
        if label := file_for(air, labels, {}):
            return labels[label]
        parsed = parse_air(air) if is_air(air) else None
        if parsed is None or parsed.source.lower() != "huggingface":
            return None
        return next((entry for entry in entries if entry.source == parsed.id), None)

    def named(self, part: str, family: str, name: str) -> Sequence[Entry]:
        """Those that the catalog means: the one of a name, or with `?variant` any of a variant, with `?` any at all."""
        entries = self.of(part, family)
        if not name.startswith("?"):
            return [entry for entry in entries if name in (entry.name, entry.key, entry.hash)]
        return [entry for entry in entries if name == "?" or entry.variant == name[1:]]
