"""A model site and a hub, after Civitai's developer pages and Hugging Face's, with the storage that they redirect to.

The storage is another origin. As that of the sites does, it refuses a signed URL that comes with a token.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.standins.server import Call, Says, StandIn, serving

TOKEN = "a-token-of-the-site"
LOGIN = b"<!doctype html><html><body><form action='/login'></form></body></html>"


def safetensors(size: int, seed: bytes = b"w") -> bytes:
    """A file of that format with so many bytes of one tensor."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    pattern = hashlib.sha256(seed).digest()
    return len(header).to_bytes(8, "little") + header + (pattern * (size // 32 + 1))[:size]


@dataclass
class ModelFile:
    """A file of a version; `says` are members of its description that differ from what is so."""

    name: str
    content: bytes
    id: int = 7
    primary: bool = True
    needs_token: bool = False
    says: dict[str, Any] = field(default_factory=dict)


class Storage(StandIn):
    """Where bytes come from: ranges, entity tags, and nothing for who brings a token."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.has_etags = True
        self.has_ranges = True

    def phase(self, call: Call) -> str:
        return "bytes"

    def answer(self, phase: str, call: Call) -> Says:
        content = self.files.get(call.path.removeprefix("/"))
        if content is None:
            return Says(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})
        if "authorization" in call.headers:
            return Says(400, b"<Error><Code>InvalidRequest</Code></Error>", {"Content-Type": "application/xml"})
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        headers = {"Content-Type": "application/octet-stream"} | ({"ETag": etag} if self.has_etags else {})
        asked = re.fullmatch(r"bytes=([0-9]+)-", call.headers.get("range", ""))
        if asked is None or not self.has_ranges or call.headers.get("if-range", etag) != etag:
            return Says(200, content, headers)
        start = int(asked[1])
        if start >= len(content):
            return Says(416, b"", headers | {"Content-Range": f"bytes */{len(content)}"})
        return Says(
            206, content[start:], headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        )


class ModelSite(StandIn):
    """Versions of models, and repositories. `storage` has their bytes."""

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self.storage = storage
        self.versions: dict[int, tuple[int, list[ModelFile]]] = {}
        self.repositories: dict[str, dict[str, bytes]] = {}

    def add(self, model: int, version: int, *files: ModelFile) -> None:
        """Have a version of a model with files."""
        self.versions[version] = (model, list(files))
        for file in files:
            self.storage.files[f"{version}/{file.name}"] = file.content

    def add_repository(self, name: str, **files: bytes) -> None:
        """Have a repository; names of files are spelt with `__` for a dot."""
        self.repositories[name] = {key.replace("__", "."): content for key, content in files.items()}
        for key, content in self.repositories[name].items():
            self.storage.files[f"{name}/{key}"] = content

    def phase(self, call: Call) -> str:
        if call.path.startswith(("/api/v1/model-versions/", "/api/models/")):
            return "describe"
        return "download"

    def answer(self, phase: str, call: Call) -> Says:
        if found := re.fullmatch(r"/api/v1/model-versions/([0-9]+)", call.path):
            return self._version(int(found[1]))
        if found := re.fullmatch(r"/api/download/models/([0-9]+)/([0-9]+)", call.path):
            return self._download(int(found[1]), int(found[2]), call)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", call.path):
            return self._repository(found[1], call)
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", call.path):
            return Says(302, b"", {"Location": f"{self.storage.url}/{found[1]}/{found[3]}?sig=1"})
        return Says(404, {"error": "Not found"})

    def _version(self, version: int) -> Says:
        if version not in self.versions:
            return Says(404, {"error": f"No model with id {version}"})
        model, files = self.versions[version]
        described = [self._file(version, file) for file in files]
        return Says(200, {"id": version, "modelId": model, "name": "v1", "files": described, "images": []})

    def _file(self, version: int, file: ModelFile) -> dict[str, Any]:
        return {
            "id": file.id,
            "sizeKB": len(file.content) / 1024,
            "name": file.name,
            "type": "Model",
            "pickleScanResult": "Success",
            "pickleScanMessage": None,
            "virusScanResult": "Success",
            "metadata": {"format": "SafeTensor", "size": "full", "fp": "fp16"},
            "hashes": {"SHA256": hashlib.sha256(file.content).hexdigest().upper(), "AutoV3": None},
            "primary": file.primary,
            "downloadUrl": f"{self.url}/api/download/models/{version}/{file.id}",
        } | file.says

    def _download(self, version: int, file_id: int, call: Call) -> Says:
        file = next(file for file in self.versions[version][1] if file.id == file_id)
        if file.needs_token and call.headers.get("authorization") != f"Bearer {TOKEN}":
            return Says(401, {"error": "Unauthorized", "message": "The creator requires you to be logged in"})
        return Says(307, b"", {"Location": f"{self.storage.url}/{version}/{file.name}?X-Amz-Signature=1"})

    def _repository(self, name: str, call: Call) -> Says:
        if name not in self.repositories:
            return Says(401, {"error": "Invalid username or password."})
        siblings = [
            {"rfilename": key, "size": len(content), "lfs": {"sha256": hashlib.sha256(content).hexdigest()}}
            for key, content in self.repositories[name].items()
        ]
        assert call.query["blobs"] == ["true"]
        return Says(200, {"id": name, "siblings": [{"rfilename": "README.md", "size": 3}, *siblings]})


@contextmanager
def model_site() -> Iterator[ModelSite]:
    """A site and its storage, each on a port of its own."""
    storage = Storage()
    site = ModelSite(storage)
    with serving(storage), serving(site):
        yield site
