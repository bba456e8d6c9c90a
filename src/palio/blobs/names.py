"""Blob ids: 26 base-32 characters from 130 random bits, a dot, and the extension that says the encoding."""

import base64
import re

from palio.contract.identity import random_bytes
from palio.contract.image.job import OutputFormat

FORMATS = {format.extension: format for format in OutputFormat}
"""Encodings by extension: `jpeg`, `png`, `webp`."""

_BLOB_ID = re.compile(rf"[A-Z2-7]{{26}}\.(?:{'|'.join(FORMATS)})")


def new_blob_id(extension: str) -> str:
    """An id that nobody can guess, such as `MZXW6YTBOI4TQNJSGY3TQOJQGE.jpeg`."""
    if extension not in FORMATS:
        raise ValueError(f"blobs are {', '.join(FORMATS)}, not {extension}")
    return f"{base64.b32encode(random_bytes(17))[:26].decode()}.{extension}"


def is_blob_id(text: str) -> bool:
    """Whether `text` is exactly what `new_blob_id` could have made."""
    return _BLOB_ID.fullmatch(text) is not None


def format_of(blob_id: str) -> OutputFormat:
    """The encoding of the blob that a valid id names."""
    return FORMATS[blob_id.rpartition(".")[2]]


def preview_key(blob_id: str) -> str:
    """The key under which the preview of a blob is kept; no blob has it as its id."""
    return f"{blob_id[:26]}.preview.jpeg"
