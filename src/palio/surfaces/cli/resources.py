"""`palio resources`: weights by AIR. Works on the data folder, so also while a server runs."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

from palio.surfaces.cli.client import Interrupted
from palio.surfaces.cli.columns import columns
from palio.surfaces.cli.options import Config, Data

if TYPE_CHECKING:
    from palio.resources.store import Holding, WeightStore
    from palio.resources.weights import Tell

T = TypeVar("T")

app = typer.Typer(help="Find and fetch weights by AIR (on the server's machine).")

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON on standard output and nothing else.")]
Air: TypeAlias = Annotated[str, typer.Argument(metavar="AIR", help="Such as urn:air:sdxl:lora:civitai:1@2.")]
HEAD = ("AIR", "FILE", "SIZE", "KNOWN BY")


@app.callback(invoke_without_command=True)
def resources(context: typer.Context, data: Data = None, config: Config = None, json: AsJson = False) -> None:
    """Show the weights that are here: what palio.toml names, what is in its folders, and what was downloaded.

    A file without an AIR is that of every AIR whose version its name bears.
    """
    if context.invoked_subcommand is not None:
        return

    async def look(store: "WeightStore") -> "list[Holding]":
        await store.scan()
        return await store.holdings()

    holdings = _with_store(data, config, look)
    if json:
        _print({"items": [_item(holding) for holding in holdings]})
    else:
        rows = [(each.air or "-", str(each.path), _size(each.size), each.found or "-") for each in holdings]
        typer.echo(columns([HEAD, *rows]))


@app.command()
def find(air: Air, data: Data = None, config: Config = None, json: AsJson = False) -> None:
    """Print the file that an AIR stands for, if it is here. Asks no site."""

    async def look(store: "WeightStore") -> "tuple[Path, str]":
        from palio.resources.weights import NotFetched

        await store.scan()
        found = store.find(air)
        if found is None:
            raise NotFetched(store.why_not(air) or f"{air} is not here; `palio resources fetch` would look for it")
        return found

    path, found = _with_store(data, config, look)
    _print({"air": air, "path": str(path), "found": str(found)}) if json else typer.echo(path)


@app.command()
def fetch(air: Air, data: Data = None, config: Config = None, json: AsJson = False) -> None:
    """Download what an AIR stands for, unless it is here, and print its file. What came before is gone on with."""

    async def bring(store: "WeightStore") -> Path:
        with _bar(air) as tell:
            return await store.fetch(air, tell)

    path = _with_store(data, config, bring)
    _print({"air": air, "path": str(path)}) if json else typer.echo(path)


@app.command()
def scan(
    hashes: Annotated[bool, typer.Option("--hash", help="Hash every file too, which reads all of them.")] = False,
    data: Data = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Look through the folders of palio.toml and print how many files are there."""

    async def look(store: "WeightStore") -> int:
        count = await store.scan()
        if hashes:
            with _bar("hashing") as tell:
                await store.hash_all(tell)
        return count

    count = _with_store(data, config, look)
    _print({"files": count}) if json else typer.echo(f"{count} files")


def _with_store(data: Path | None, config: Path | None, work: "Callable[[WeightStore], Awaitable[T]]") -> T:
    from palio.settings import load_settings
    from palio.surfaces.tokens import make_data_folder
    from palio.surfaces.weights import weight_store

    settings = load_settings({"data": data}, config)
    make_data_folder(settings)

    async def run() -> T:
        async with weight_store(settings) as store:
            return await work(store)

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise Interrupted("stopped; what came is kept and gone on with the next time") from None


@contextmanager
def _bar(text: str) -> "Iterator[Tell]":
    """A bar on a terminal; elsewhere nothing, as the result says all."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    words = TextColumn("{task.description}", markup=False)
    parts = (SpinnerColumn(), words, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*parts, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=1.0)
        yield lambda rate: progress.update(task, completed=rate)


def _item(holding: "Holding") -> dict[str, object]:
    return {"air": holding.air, "path": str(holding.path), "size": holding.size, "found": holding.found}


def _print(document: dict[str, object]) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")


def _size(size: int) -> str:
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.4g} {unit}"
        amount /= 1024
    return f"{amount:.4g} GiB"
