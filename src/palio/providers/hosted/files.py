"""Which file with weights at a server of one's own an AIR stands for. Pure."""

import re
from collections.abc import Iterable, Mapping

from palio.contract.air import is_air, parse_air
from palio.providers.catalog.fitting import short_name


def file_for(air: str, files: Iterable[str], named: Mapping[str, str]) -> str | None:
    """The file that the operator named for an AIR, else the one of `files` that bears the number of its version.

    `named` is by what an AIR comes to, as in `civitai:4384@128713`.
    """
    if file := named.get(short_name(air)):
        return file
    version = parse_air(air).version if is_air(air) else None
    if version is None or not version.isdigit():
        return None
    number = re.compile(rf"(?<!\d){version}(?!\d)")
    return next((file for file in sorted(files) if number.search(file)), None)
