"""Writes the tables of `docs/providers.md` and of `README.md` from the catalogs of the vendors.

Usage: python docs/make_providers.py [--check]; with --check nothing is written, and the exit code is 1 if a page is not
what would be.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from palio.contract.image.job import Operation
from palio.providers.catalog.model import MEGAPIXEL, Model, Number, Price, Size, Unit
from palio.providers.catalog.reading import Catalog, read_catalog
from palio.providers.registry import VENDORS

ROOT = Path(__file__).parents[1]
LOCAL = ("diffusers",)
"""Kinds with a catalog that run on this machine."""
BEGIN, END = "<!-- made from the catalogs by script/providers -->", "<!-- end -->"
FAMILIES = {
    "flux1": "Flux 1",
    "flux1-kontext": "Flux 1 Kontext",
    "flux2": "Flux 2",
    "sdxl": "SDXL",
    "sd1": "SD 1.x",
    "zImage": "Z-Image",
    "qwen": "Qwen-Image",
    "seedream": "Seedream",
    "grok": "Grok Imagine",
}
UNNAMED = {"gemini": "Gemini image"}
"""Families that no job names."""
VERBS = {Operation.create: "create", Operation.edit: "edit", Operation.variant: "vary"}
UNITS = {Unit.image: "", Unit.megapixel: "/MP", Unit.step: "/step"}


def main() -> int:
    """Write the pages, or look whether they are up to date."""
    catalogs = {kind: read_catalog(kind) for kind in sorted({*VENDORS, *LOCAL})}
    pages = {ROOT / "docs/providers.md": tables(catalogs), ROOT / "README.md": summary(catalogs)}
    return max(write(page, "\n".join(lines)) for page, lines in pages.items())


def write(page: Path, table: str) -> int:
    """Put a table between the marks of a page; with --check, 1 if another is there."""
    whole = page.read_text(encoding="utf-8")
    before, _, rest = whole.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"{before}{BEGIN}\n\n{table}\n{END}{after}"
    if "--check" in sys.argv:
        return int(made != whole)
    page.write_text(made, encoding="utf-8")
    return 0


def summary(catalogs: Mapping[str, Catalog]) -> Iterator[str]:
    """Who serves which family: for money, and on hardware of one's own."""
    own = {kind for kind in catalogs if kind in LOCAL or VENDORS[kind].key_variable is None}
    yield "| family | hosted | on your own hardware |"
    yield "|---|---|---|"
    for family, title in FAMILIES.items():
        kinds = [kind for kind, catalog in catalogs.items() if models_of(catalog, family)]
        hosted = ", ".join(f"`{kind}`" for kind in kinds if kind not in own)
        yield f"| {title} | {hosted} | {', '.join(f'`{kind}`' for kind in kinds if kind in own) or '-'} |"


def tables(catalogs: Mapping[str, Catalog]) -> Iterator[str]:
    """Who serves which family from what price, and then every model of each family."""
    families = FAMILIES | UNNAMED
    yield f"| provider | {' | '.join(f'[{title}](#{anchor(title)})' for title in families.values())} |"
    yield "|---" * (len(families) + 1) + "|"
    for kind, catalog in catalogs.items():
        yield f"| {kind} | {' | '.join(cheapest(models_of(catalog, family)) for family in families)} |"
    for family, title in families.items():
        yield from ("", f"### {title}", "")
        yield "| provider | model | for | does | price | sizes | seed | negative | steps | guidance | LoRAs | images |"
        yield "|---" * 12 + "|"
        for kind, catalog in catalogs.items():
            yield from (row(kind, model) for model in models_of(catalog, family))


def anchor(title: str) -> str:
    """Where a heading is to be found on its page."""
    return title.lower().replace(" ", "-").replace(".", "")


def row(kind: str, model: Model) -> str:
    """A model in one line."""
    cells = [
        kind,
        f"`{model.id}`",
        ", ".join(members(model)),
        ", ".join(VERBS[operation] for operation in model.operations),
        price(model.price),
        sizes(model),
        "yes" if model.seed else "-",
        "yes" if model.negative_prompt else "-",
        bounds(model, "steps", model.steps),
        bounds(model, "guidance", model.guidance),
        str(model.loras.most) if model.loras else "-",
        f"{model.images.least}-{model.images.most}" if model.images else "-",
    ]
    return f"| {' | '.join(cells)} |"


def models_of(catalog: Catalog, family: str) -> Sequence[Model]:
    """A vendor's models of a family."""
    return [model for model in catalog.models if model.family == family]


def cheapest(models: Sequence[Model]) -> str:
    """From what price a family is to be had; empty if it is not."""
    if not models:
        return ""
    prices = [model.price for model in models if model.price is not None]
    return f"from {price(min(prices, key=lambda one: one.usd))}" if prices else "yes"


def price(one: Price | None) -> str:
    """A price in a few characters."""
    if one is None:
        return "not known"
    if one.usd == 0:
        return "free"
    first = f"${one.first:g} + " if one.first is not None else ""
    reference = f" + ${one.reference:g}/image" if one.reference else ""
    return f"{first}${one.usd:g}{UNITS[one.unit]}{reference}"


def members(model: Model) -> Iterator[str]:
    """What a job calls the model."""
    versions = [str(value) for values in model.chosen_by.values() for value in values]
    for member in model.members:
        name = "any checkpoint" if member == "*" else f"`{member}`"
        yield f"{name} {'/'.join(versions)}" if versions else name


def sizes(model: Model) -> str:
    """The sides or the ratios that a model makes."""
    if model.aspect is not None:
        return f"{len(model.aspect.known)} ratios"
    if model.size is None:
        return "the source's"
    size = model.size
    if size.only:
        return f"{len(size.only)} sizes"
    multiple = f", /{size.multiple}" if size.multiple > 1 else ""
    rounded = ", rounded" if size.rounds else ""
    scaled = ", scaled" if size.scales else ""
    sides = f"{size.least}-{size.most}"
    if size.most == Size().most:
        # Only the whole is bounded.
        sides = f"{size.least_pixels / MEGAPIXEL:.2g}-{size.most_pixels / MEGAPIXEL:.2g} MP"
    return f"{sides}{multiple}{rounded}{scaled}"


def bounds(model: Model, name: str, number: Number | None) -> str:
    """The values of a number that a job may ask for."""
    if number is not None:
        return f"{number.least:g}-{number.most:g}"
    if name in model.ignores:
        return "any"
    return "/".join(f"{value:g}" for value in model.always.get(name, ()) if not isinstance(value, str)) or "-"


if __name__ == "__main__":
    sys.exit(main())
