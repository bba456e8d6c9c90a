"""The addresses of resources: `palio://blobs/{id}`, `palio://workflows/{id}` and `palio://guides/{name}`.

Blobs have a second one, `spine://blobs/{id}`, by which the service's own MCP server names them.
"""

import re

_BLOB = re.compile(r"(?:palio|spine)://blobs/([A-Za-z0-9._-]{1,100})")
_WORKFLOW = re.compile(r"palio://workflows/([A-Za-z0-9._-]{1,200})")
_GUIDE = re.compile(r"palio://guides/([a-z-]{1,50})")

BLOB_TEMPLATES = ("palio://blobs/{id}", "spine://blobs/{id}")
WORKFLOW_TEMPLATE = "palio://workflows/{id}"


def blob_address(blob_id: str) -> str:
    """Where a blob can be read."""
    return f"palio://blobs/{blob_id}"


def workflow_address(workflow_id: str) -> str:
    """Where a workflow can be read."""
    return f"palio://workflows/{workflow_id}"


def guide_address(name: str) -> str:
    """Where a guide can be read."""
    return f"palio://guides/{name}"


def blob_at(address: str) -> str | None:
    """The id of the blob at an address."""
    match = _BLOB.fullmatch(address)
    return match[1] if match else None


def workflow_at(address: str) -> str | None:
    """The id of the workflow at an address."""
    match = _WORKFLOW.fullmatch(address)
    return match[1] if match else None


def guide_at(address: str) -> str | None:
    """The name of the guide at an address."""
    match = _GUIDE.fullmatch(address)
    return match[1] if match else None
