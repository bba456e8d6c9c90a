"""Values from the environment, and the `{{...}}` in texts that stand for them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from palio.surfaces.capability.document import Bind
from palio.surfaces.capability.findings import Findings

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_DOTTED = re.compile(r"\{\{\s*([^{}]*?\.[^{}]*?)\s*\}\}")


@dataclass(frozen=True)
class _Key:
    path: str
    variable: str


class Binds:
    """The bound values of one file. `{{namespace.KEY}}`, `{{env.KEY}}` and `{{KEY}}` all name a key."""

    def __init__(self, binds: Sequence[Bind], environment: Mapping[str, str], findings: Findings) -> None:
        self._environment = environment
        self._findings = findings
        self._keys: dict[str, _Key] = {}
        self._in_credentials: set[_Key] = set()
        self._elsewhere: set[_Key] = set()
        for index, bind in enumerate(binds):
            for name, variable in bind.keys.items():
                key = _Key(f"binds[{index}].keys.{name}", variable)
                if f"{bind.namespace}.{name}" in self._keys:
                    findings.error(key.path, f"{bind.namespace}.{name} is bound twice")
                self._keys[f"{bind.namespace}.{name}"] = key
        for full, key in list(self._keys.items()):
            name = full.partition(".")[2]
            for alias in (f"env.{name}", name):
                self._keys.setdefault(alias, key)

    def has_all(self, text: str) -> bool:
        """Whether every placeholder of a text has a value."""
        keys = [self._keys.get(name) for name in PLACEHOLDER.findall(text)]
        return all(key is not None and self._environment.get(key.variable) for key in keys)

    def resolve(self, text: str, path: str, *, is_credential: bool = False) -> str:
        """The text with values in place of placeholders; those without a value are left empty, and told."""
        return self._resolve(PLACEHOLDER, text, path, is_credential=is_credential)

    def resolve_in_path(self, text: str, path: str) -> str:
        """As `resolve`; but a placeholder without a dot is a parameter of the path and stays."""
        return self._resolve(_DOTTED, text, path, is_credential=False)

    def missing(self, *, but_credentials: bool) -> list[tuple[str, str]]:
        """(path, variable) of each key whose variable is not set, save those used as a credential and nowhere else."""
        excused = self._in_credentials - self._elsewhere if but_credentials else set()
        keys = dict.fromkeys(self._keys.values())
        return [
            (key.path, key.variable) for key in keys if not self._environment.get(key.variable) and key not in excused
        ]

    def _resolve(self, pattern: re.Pattern[str], text: str, path: str, *, is_credential: bool) -> str:
        def value(found: re.Match[str]) -> str:
            key = self._keys.get(found[1])
            if key is None:
                self._findings.error(path, f"{{{{{found[1]}}}}} is not in `binds`")
                return ""
            (self._in_credentials if is_credential else self._elsewhere).add(key)
            return self._environment.get(key.variable, "")

        return pattern.sub(value, text)
