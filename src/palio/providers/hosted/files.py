"""Which file with weights at a server of one's own an AIR stands for. Pure."""

from collections.abc import Iterable, Mapping

from palio.contract.air import is_air, parse_air
from palio.providers.catalog.fitting import short_name
from palio.resources.naming import numbers_in, telling_numbers


def file_for(air: str, files: Iterable[str], named: Mapping[str, str]) -> str | None:
    """The file that the operator named for an AIR, else the one of `files` that bears the number of its version.

    `named` is by what an AIR comes to, as in `civitai:4384@128713`.
    """
    if file := named.get(short_name(air)):
        return file
    numbers = telling_numbers(parse_air(air)) if is_air(air) else None
    if numbers is None:
        return None
    return next((file for file in sorted(files) if numbers <= numbers_in(file)), None)
