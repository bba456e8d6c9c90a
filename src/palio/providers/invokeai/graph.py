"""A graph in InvokeAI's form: nodes by id, and edges from outputs of nodes to inputs of others."""

from dataclasses import dataclass, field
from typing import TypeAlias

from palio.contract.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a node, by its field."""

    node: str
    field: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node that was added; its outputs by their fields."""

    id: str

    def __getitem__(self, field: str) -> Output:
        return Output(self.id, field)


Input: TypeAlias = Json | Output


@dataclass(slots=True)
class Graph:
    """A graph that grows. Node ids are the type of the node and a number that counts up from 1."""

    id: str
    nodes: JsonObject = field(default_factory=dict)
    edges: list[Json] = field(default_factory=list)

    def add(self, type_: str, **inputs: Input) -> Node:
        """A new node with these inputs; outputs of other nodes become edges, and None is left to the node."""
        id_ = f"{type_}_{len(self.nodes) + 1}"
        values: JsonObject = {}
        for name, value in inputs.items():
            if isinstance(value, Output):
                self.connect(value, id_, name)
            elif value is not None:
                values[name] = value
        # What is drawn for Palio is not for the gallery of the server.
        self.nodes[id_] = {"id": id_, "type": type_, "is_intermediate": True, **values}
        return Node(id_)

    def connect(self, output: Output, node: str, name: str) -> None:
        """An edge to an input of a node."""
        source: JsonObject = {"node_id": output.node, "field": output.field}
        self.edges.append({"source": source, "destination": {"node_id": node, "field": name}})

    def collected(self, outputs: list[Output]) -> Output:
        """Several outputs as one: where an input takes a list."""
        collector = self.add("collect")
        for output in outputs:
            self.connect(output, collector.id, "item")
        return collector["collection"]

    @property
    def json(self) -> JsonObject:
        return {"id": self.id, "nodes": self.nodes, "edges": self.edges}
