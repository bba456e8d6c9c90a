"""From an operator's tables and environment to providers."""

import pytest

from palio.errors import SetupError
from palio.providers.catalog.reading import read_catalog
from palio.providers.hosted.provider import HostedProvider
from palio.providers.registry import VENDORS, configured
from palio.settings import Settings

KEY = "a-secret-of-the-operator"


async def fetch(url: str, max_bytes: int) -> bytes:
    raise AssertionError("nothing is fetched")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch):
    for vendor in VENDORS.values():
        if vendor.key_variable is not None:
            monkeypatch.delenv(vendor.key_variable, raising=False)


def test_a_vendor_whose_usual_variable_holds_a_key_is_there_by_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAL_KEY", KEY)
    assert set(configured(Settings(), fetch)) == {"fal", "sketch"}
    assert set(configured(Settings(vendors_by_key=False), fetch)) == {"sketch"}


def test_a_key_that_may_be_meant_for_something_else_starts_no_vendor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CIVITAI_API_KEY", KEY)
    assert set(configured(Settings(), fetch)) == {"sketch"}
    tables = {"civitai": {"kind": "civitai"}}
    assert set(configured(Settings(providers=tables), fetch)) == {"civitai", "sketch"}


def test_a_vendor_that_has_a_table_is_there_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAL_KEY", KEY)
    tables = {"paid": {"kind": "fal", "concurrency": 2}}
    assert set(configured(Settings(providers=tables, sketch=False), fetch)) == {"paid"}
    assert configured(Settings(providers={"paid": {"kind": "fal", "enabled": False}}, sketch=False), fetch) == {}


def test_without_a_key_a_vendor_is_not_there_and_a_table_for_it_is_an_error():
    assert set(configured(Settings(), fetch)) == {"sketch"}
    with pytest.raises(SetupError, match=r"\[providers\.fal\]: the environment variable FAL_KEY, .*is not set"):
        configured(Settings(providers={"fal": {"kind": "fal"}}), fetch)
    with pytest.raises(SetupError, match="the environment variable MY_KEY"):
        configured(Settings(providers={"fal": {"kind": "fal", "api_key_env": "MY_KEY"}}), fetch)


def test_a_server_of_ones_own_needs_no_key():
    made = configured(Settings(providers={"gpu": {"kind": "comfyui"}}, sketch=False), fetch)["gpu"]
    assert isinstance(made, HostedProvider)
    assert made.account.base_url == "http://127.0.0.1:8188"


def test_the_key_is_not_in_what_a_provider_shows_of_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAL_KEY", KEY)
    made = configured(Settings(), fetch)["fal"]
    assert isinstance(made, HostedProvider)
    assert KEY not in repr(made.account)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "nope"}, "kind must be one of"),
        ({"kind": "comfyui", "pateince": 3}, r"\[providers\.here\]: .*pateince"),
        ({"kind": "comfyui", "timeout": 0}, r"\[providers\.here\]"),
        ({"kind": "comfyui", "models": {"x": {"family": 3}}}, r"providers\.here\.models\.x"),
    ],
)
def test_a_wrong_setting_names_its_table(table: dict, said: str):
    with pytest.raises(SetupError, match=said):
        configured(Settings(providers={"here": table}), fetch)


FAMILIES = {"flux1", "flux2", "sdxl", "sd1", "zImage", "qwen", "seedream", "grok"}
ONLY_HOSTED = {"seedream", "grok"}
"""Families whose weights nobody has."""


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_no_family_depends_on_one_provider(family: str):
    serving = {
        kind: vendor
        for kind, vendor in VENDORS.items()
        if any(model.family == family for model in read_catalog(kind).models)
    }
    own = {kind for kind, vendor in serving.items() if vendor.key_variable is None}
    assert len(serving.keys() - own) >= 2
    assert len(own) >= (0 if family in ONLY_HOSTED else 2)
