"""A graph in ComfyUI's API format: nodes by id, whose inputs are values or outputs of other nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from palio.contract.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a node."""

    node: str
    index: int = 0

    def __getitem__(self, index: int) -> "Output":
        """Another output of the same node."""
        return Output(self.node, index)


Input: TypeAlias = bool | int | float | str | Output


@dataclass(slots=True)
class Graph:
    """A graph that grows. Node ids count up from 1."""

    nodes: JsonObject = field(default_factory=dict)

    def add(self, class_type: str, more: Mapping[str, Input] | None = None, **inputs: Input) -> Output:
        """A new node with these inputs, and its first output."""
        node = str(len(self.nodes) + 1)
        values = {name: _value(value) for name, value in {**inputs, **(more or {})}.items()}
        self.nodes[node] = {"class_type": class_type, "inputs": values}
        return Output(node)


def _value(value: Input) -> Json:
    return [value.node, value.index] if isinstance(value, Output) else value
