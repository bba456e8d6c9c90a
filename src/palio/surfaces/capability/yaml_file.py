"""YAML from a file, within bounds: its size, its depth, no aliases, no key twice."""

from pathlib import Path

import yaml

MAX_BYTES = 256 * 1024
"""How large a file may be. The published ones have 4 to 8 KiB."""

MAX_DEPTH = 40


class YamlError(Exception):
    """A file that cannot be read; the message says where and why."""


def read_yaml(file: Path) -> object:
    """The one document in a file, of str, int, float, bool, None, list and dict. Raises YamlError."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise YamlError(f"cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise YamlError(f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        document: object = yaml.load(data.decode(), Loader=_BoundedLoader)  # noqa: S506 - it derives from SafeLoader
    except UnicodeDecodeError:
        raise YamlError("is not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"{_place(error.problem_mark)}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(str(error).replace("\n", " ")) from None
    return document


class _BoundedLoader(yaml.SafeLoader):
    """The safe loader without aliases, with which a few bytes become as much as one likes, and within a depth."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refused(f"alias *{event.anchor} is not supported", event)
        if self._depth == MAX_DEPTH:
            raise _refused(f"nests deeper than {MAX_DEPTH} levels", event)
        self._depth += 1
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused("a key must be text", key)
            if key.value in seen:
                raise _refused(f"key {key.value!r} is there twice", key)
            seen.add(key.value)
        return {str(key): value for key, value in super().construct_mapping(node, deep=deep).items()}


def _refused(problem: str, at: yaml.Event | yaml.Node) -> YamlError:
    return YamlError(f"{_place(at.start_mark)}{problem}")


def _place(mark: object) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if isinstance(mark, yaml.Mark) else ""


# Dates stay text: `2026-05-25` is so in the files, with quotes or without.
_BoundedLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
