"""Settings: flag over environment over palio.toml over default, and errors that name their place."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from palio.errors import SetupError
from palio.settings import ProviderSettings, Settings, load_settings, sources


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name in [name for name in os.environ if name.startswith("PALIO_")]:
        monkeypatch.delenv(name)


def toml(text: str) -> Path:
    file = Path("palio.toml")
    file.write_text(text)
    return file


def refusal(text: str) -> str:
    with pytest.raises(SetupError) as refused:
        load_settings({}, toml(text))
    return str(refused.value)


def test_without_configuration_the_server_stays_on_this_machine(tmp_path: Path) -> None:
    settings = load_settings({})
    assert (settings.host, settings.port, settings.mcp_port) == ("127.0.0.1", 8080, 9090)
    assert settings.data == tmp_path / "share/palio"
    assert settings.token_file == tmp_path / "share/palio/token"
    assert settings.providers == {}
    assert settings.sketch


def test_a_body_holds_an_image_but_not_ten_megabytes() -> None:
    assert load_settings({}).max_body_bytes < 10_000_000


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings({}).port == 8080
    toml("port = 1001")
    assert load_settings({}).port == 1001
    monkeypatch.setenv("PALIO_PORT", "1002")
    assert load_settings({"port": None}).port == 1002
    assert load_settings({"port": 1003}).port == 1003


def test_each_setting_knows_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    toml("[providers.mine]\nkind = 'comfy'\nworkflow = 'a.json'")
    monkeypatch.setenv("PALIO_PROVIDERS__MINE__CONCURRENCY", "2")
    origins = {source.name: source.origin for source in sources({"host": "::1"})}
    assert origins["host"] == "flag"
    assert origins["port"] == "default"
    assert origins["providers.mine.kind"] == "palio.toml"
    assert origins["providers.mine.options.workflow"] == "palio.toml"
    assert origins["providers.mine.concurrency"] == "environment"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALIO_PORT", "")
    assert load_settings({}).port == 8080


def test_a_file_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("port = 1004")
    monkeypatch.setenv("PALIO_CONFIG", "other.toml")
    assert load_settings({}).port == 1004


def test_a_file_that_was_named_must_be_there() -> None:
    with pytest.raises(SetupError, match=r"no configuration file missing\.toml"):
        load_settings({}, Path("missing.toml"))


@pytest.mark.parametrize("text", ["port = ", "\x00", "= 1"])
def test_a_file_that_is_not_toml_is_refused_by_name(text: str) -> None:
    assert refusal(text).startswith("palio.toml cannot be read: ")


def test_an_unknown_key_is_refused_with_the_nearest_one_that_exists() -> None:
    assert refusal("max_body_byte = 1") == (
        "palio.toml: max_body_byte: there is no such setting; did you mean max_body_bytes?"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("port = 70000", "port"),
        ("host = ''", "host"),
        ("step_timeout = 'soon'", "step_timeout"),
        ("step_timeout = '999999999d'", "step_timeout"),
        ("url_lifetime = 0", "url_lifetime"),
        ("public_url = 'palio.example.org'", "public_url"),
        ("sketch = 'perhaps'", "sketch"),
        ("providers = 1", "providers"),
        ("[providers.fal]", "providers.fal.kind"),
        ("[providers.fal]\nkind = 'fal'\nconcurrency = 0", "providers.fal.concurrency"),
        ("[providers.fal]\nkind = 'fal'\nprice = nan", "providers.fal.price"),
        ("[providers.fal]\nkind = 'fal'\nworkflow = [1]", "providers.fal.workflow"),
        ("[providers.'a b']\nkind = 'fal'", "providers.a b"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_key(text: str, place: str) -> None:
    message = refusal(text)
    assert message.startswith(f"palio.toml: {place}: ")
    assert "\n" not in message


def test_a_value_is_refused_in_the_spelling_of_where_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r"^--mcp-port: must be"):
        load_settings({"mcp_port": -1})
    monkeypatch.setenv("PALIO_PORT", "tcp://10.0.0.1:80")
    with pytest.raises(SetupError, match=r"^PALIO_PORT: must be"):
        load_settings({})


def test_every_problem_is_told_at_once() -> None:
    assert len(refusal("port = -1\nretention_days = 0\nprot = 1").splitlines()) == 3


def test_a_provider_s_own_keys_become_options() -> None:
    file = toml("[providers.mine]\nkind = 'comfy'\nprice = 0\nworkflow = 'a.json'\nretries = 3\nlive = true")
    assert load_settings({}, file).providers == {
        "mine": ProviderSettings(kind="comfy", price=0, options={"workflow": "a.json", "retries": 3, "live": True})
    }


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("'90s'", timedelta(seconds=90)),
        ("'20m'", timedelta(minutes=20)),
        ("'2h'", timedelta(hours=2)),
        ("'1d'", timedelta(days=1)),
        ("45", timedelta(seconds=45)),
    ],
)
def test_durations_are_written_for_people(text: str, duration: timedelta) -> None:
    assert load_settings({}, toml(f"step_timeout = {text}")).step_timeout == duration


def test_secrets_are_neither_shown_nor_in_the_representation() -> None:
    file = toml(
        "database_url = 'postgresql://ann:s3cret@db/palio?sslpassword=s3cret'\n"
        "blobs_url = 's3://id:s3cret@bucket/x?secret_access_key=s3cret&region=eu'\n"
        "[providers.mine]\nkind = 'comfy'\napi_key = 's3cret'\nbase_url = 'http://ann:s3cret@gpu:8188'\n"
    )
    shown = {source.name: source.value for source in sources({}, file)}
    assert "s3cret" not in str(shown)
    assert shown["blobs_url"] == "s3://***@bucket/x?secret_access_key=***&region=eu"
    assert shown["providers.mine.base_url"] == "http://***@gpu:8188"


def test_settings_made_in_code_do_not_read_the_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toml("port = 1001")
    monkeypatch.setenv("PALIO_PORT", "1002")
    assert Settings(data=tmp_path).port == 8080


def test_weights_are_not_downloaded_unless_that_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not load_settings({}).resources.download
    monkeypatch.setenv("PALIO_RESOURCES__DOWNLOAD", "true")
    toml('[resources]\nfolders = ["models"]\ntrusted_hosts = ["Storage.internal:9000"]')

    resources = load_settings({}).resources

    assert (resources.download, resources.folders) == (True, [tmp_path / "models"])
    assert resources.trusted_hosts == ["storage.internal:9000"]


@pytest.mark.parametrize("host", ["storage.internal", "http://storage.internal:9000", "a b:1", ":80"])
def test_a_trusted_host_has_a_port_and_no_scheme(host: str) -> None:
    assert "must be a host and a port" in refusal(f'[resources]\ntrusted_hosts = ["{host}"]')
