"""The documentation points at what is there, and leaves no package out."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from palio import __version__
from palio.contract.image.fields import members
from palio.contract.image.variants import leaves
from palio.contract.steps.text_to_image import TextToImageInput

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/palio"
DECISIONS = ROOT / "docs/decisions"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its code."""
    return FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """Where a page links to within the repository."""
    return [target for target in LINK.findall(prose(page)) if "://" not in target and not target.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in HEADING.findall(prose(page))]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_broken(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(anchor) and anchor not in anchors(target)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path):
    assert [link for link in links(page) if is_broken(page, link)] == []


def test_links_are_found():
    assert "docs/architecture.md" in links(ROOT / "README.md")
    assert is_broken(ROOT / "README.md", "docs/nothing.md")
    assert is_broken(ROOT / "README.md", "CONTRIBUTING.md#nothing")
    assert is_broken(ROOT / "README.md", "../")


def test_every_package_is_on_the_map():
    page = ROOT / "docs/architecture.md"
    linked = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
    on_the_map = linked | {target.parent for target in linked}
    packages = {file.parent for file in PACKAGE.rglob("__init__.py")} - {PACKAGE}
    assert sorted(name(package) for package in packages - on_the_map) == []


def test_every_page_that_the_code_names_exists():
    named = {path for file in PACKAGE.rglob("*.py") for path in re.findall(r"docs/[\w/.-]+\.md", file.read_text())}
    assert named
    assert sorted(path for path in named if not (ROOT / path).is_file()) == []


def test_decisions_are_numbered_one_by_one_and_listed():
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    assert [page.name for page in pages] == links(DECISIONS / "README.md")
    for number, page in enumerate(pages, 1):
        text = page.read_text()
        assert text.startswith(f"# {number}. ")
        assert re.findall(r"^## (\w+)", text, re.MULTILINE) in (
            ["Context", "Decision", "Measurement", "Consequences"],
            ["Context", "Decision", "Reason", "Consequences"],
        ), page.name


def test_the_changelog_has_this_version():
    versions = re.findall(r"^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__


COMMON = {"engine", "prompt", "quantity", "outputFormat", "imageMetadata"}
"""Members that every imageGen input has."""


def rows() -> Iterator[str]:
    """The table of image inputs as the models have them."""
    variants: dict[str, tuple[list[str], dict[str, None]]] = {}
    for way, variant in leaves():
        operation = way.pop("operation", None)
        operations, further = variants.setdefault(" ".join(way.values()), ([], {}))
        operations.extend(filter(None, [operation]))
        told = {*COMMON, *way, *(["operation"] if operation else [])}
        further.update(dict.fromkeys(member for member in members(variant) if member not in told))
    for values, (operations, further) in variants.items():
        yield f"| {values} | {', '.join(operations) or '-'} | {', '.join(further)} |"


def test_the_members_of_image_inputs_are_told_as_the_models_have_them():
    page = (ROOT / "docs/api.md").read_text()
    section = page.partition("## Members of image inputs")[2].partition("\n## ")[0]
    _, *table = [line for line in section.splitlines() if line.startswith("| ")]
    assert table == list(rows())
    assert [member for member in members(TextToImageInput) if f"`{member}`" not in section] == []


def test_the_readme_counts_the_image_inputs():
    assert f"All {len(list(leaves()))} discriminated inputs" in (ROOT / "README.md").read_text()


def test_pictures_are_small_enough_for_a_page():
    pictures = list((ROOT / "docs/images").glob("*.jpg"))
    assert pictures
    assert [name(picture) for picture in pictures if picture.stat().st_size > 700_000] == []


def test_the_tables_of_providers_are_those_of_the_catalogs():
    made = subprocess.run([sys.executable, ROOT / "docs/make_providers.py", "--check"], check=False)
    assert made.returncode == 0, "run script/providers"
