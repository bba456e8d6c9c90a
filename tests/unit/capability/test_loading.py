"""Everything with which a file cannot be run is told, named by path."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from palio.surfaces.capability.findings import CapabilityError
from palio.surfaces.capability.loading import Loaded, load, must_load

SHIPS: dict[str, Any] = {
    "naftiko": "1.0.0-alpha2",
    "info": {"label": "Ships"},
    "binds": [{"namespace": "env", "keys": {"KEY": "SHIPS_KEY"}}],
    "capability": {
        "consumes": [
            {
                "type": "http",
                "namespace": "ships",
                "baseUri": "http://127.0.0.1:1",
                "authentication": {
                    "type": "apikey",
                    "key": "Authorization",
                    "value": "Bearer {{env.KEY}}",
                    "placement": "header",
                },
                "resources": [
                    {
                        "name": "ships",
                        "path": "/ships/{imo}",
                        "operations": [
                            {
                                "name": "put",
                                "method": "PUT",
                                "inputParameters": [
                                    {"name": "imo", "in": "path", "type": "string", "required": True},
                                    {"name": "body", "in": "body", "type": "object", "required": True},
                                    {"name": "flag", "in": "query"},
                                ],
                            }
                        ],
                    }
                ],
            }
        ],
        "exposes": [
            {
                "type": "rest",
                "namespace": "ships-rest",
                "port": 8080,
                "resources": [
                    {
                        "path": "/fleet/{imo}",
                        "operations": [
                            {
                                "name": "put",
                                "method": "PUT",
                                "call": "ships.put",
                                "with": {"imo": "rest.path.imo", "body": "rest.body"},
                                "outputParameters": [{"type": "object", "mapping": "$."}],
                            }
                        ],
                    }
                ],
            },
            {
                "type": "mcp",
                "namespace": "ships-mcp",
                "port": 9090,
                "transport": "http",
                "tools": [
                    {
                        "name": "put-ship",
                        "description": "Put a ship.",
                        "hints": {"idempotent": True},
                        "call": "ships.put",
                        "with": {"imo": "tools.imo", "body": "tools.body"},
                    }
                ],
            },
            {
                "type": "skill",
                "namespace": "ships-skill",
                "port": 7070,
                "skills": [{"name": "berthing", "description": "Berthing."}],
            },
        ],
    },
}
ENVIRONMENT = {"SHIPS_KEY": "secret"}

API = "capability.consumes[0]"
OPERATION = f"{API}.resources[0].operations[0]"
REST = "capability.exposes[0]"
ROUTE = f"{REST}.resources[0].operations[0]"
MCP = "capability.exposes[1]"
TOOL = f"{MCP}.tools[0]"
SKILL = "capability.exposes[2].skills[0]"

Load = Callable[..., Loaded]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads documents from files named 0.yaml, 1.yaml and so on."""

    def write(*documents: object, environment: dict[str, str] | None = None) -> Loaded:
        files = []
        for index, document in enumerate(documents):
            file = tmp_path / f"{index}.yaml"
            file.write_text(yaml.safe_dump(document))
            files.append(file)
        return load(files, ENVIRONMENT if environment is None else environment)

    return write


def changed(path: str, value: object) -> dict[str, Any]:
    """SHIPS with another value at a path; None takes it away."""
    document = copy.deepcopy(SHIPS)
    parts = path.replace("[", ".[").split(".")
    place: Any = document
    for part in parts[:-1]:
        place = place[int(part[1:-1])] if part.startswith("[") else place[part]
    last = parts[-1]
    key = int(last[1:-1]) if last.startswith("[") else last
    if value is None:
        del place[key]
    elif isinstance(key, int) and key == len(place):
        place.append(value)
    else:
        place[key] = value
    return document


def test_the_file_that_is_changed_below_is_good(loaded: Load):
    result = loaded(SHIPS)
    assert (result.errors, result.unset) == ((), ())
    assert [port.number for port in result.ports] == [8080, 9090, 7070]


CASES: list[tuple[str, object, str, str]] = [
    # what is changed, to what, the path that is named, what is said
    ("naftiko", "0.5", "naftiko", "'0.5' is not supported"),
    ("naftiko", None, "naftiko", "is required"),
    ("capability", None, "capability", "is required"),
    ("capability.exposes", [], "capability.exposes", "at least 1"),
    ("externalRefs", [], "externalRefs", "use `binds`"),
    ("info.lable", "x", "info.lable", "did you mean label?"),
    ("binds[0].location", "file:///x", "binds[0].location", "environment only"),
    ("binds[0].keys.OTHER", 3, "binds[0].keys.OTHER", "valid string"),
    ("binds[1]", {"namespace": "env", "keys": {"KEY": "X"}}, "binds[1].keys.KEY", "bound twice"),
    (f"{API}.type", "grpc", f"{API}.type", "'grpc' is not supported"),
    (f"{API}.baseUri", "ftp://x", f"{API}.baseUri", "http://"),
    (f"{API}.baseUri", "http://", f"{API}.baseUri", "http://"),
    (f"{API}.baseUri", "http://a:b@x", f"{API}.baseUri", "no password"),
    (f"{API}.baseUri", "http://x/?a=b", f"{API}.baseUri", "no query"),
    (f"{API}.baseUri", "http://x:99999", f"{API}.baseUri", "no address"),
    (f"{API}.baseUri", "http://{{env.HOST}}", f"{API}.baseUri", "{{env.HOST}} is not in `binds`"),
    (f"{API}.import", "x", f"{API}.import", "importing"),
    (
        f"{API}.inputParameters",
        [{"name": "Host", "in": "header", "value": "x"}],
        f"{API}.inputParameters[0].name",
        "connection",
    ),
    (f"{API}.authentication.type", "digest", f"{API}.authentication", "'digest' is not supported"),
    (f"{API}.authentication.placement", "cookie", f"{API}.authentication.placement", "'cookie' is not supported"),
    (f"{API}.authentication.key", "a b", f"{API}.authentication.key", "pattern"),
    (f"{API}.authentication.key", "Host", f"{API}.authentication.key", "connection"),
    (f"{API}.authentication.value", "{{KEYS}}", f"{API}.authentication.value", "{{KEYS}} is not in `binds`"),
    (f"{API}.authentication.value", "a\nb", f"{API}.authentication", "line break"),
    (f"{API}.resources[0].path", "/ships/{imo", f"{API}.resources[0].path", "{name}"),
    (f"{API}.resources[0].path", "/ships", f"{OPERATION}.inputParameters[0].name", "no {imo}"),
    (f"{OPERATION}.method", "TRACE", f"{OPERATION}.method", "'TRACE' is not supported"),
    (f"{OPERATION}.body", {"type": "json", "data": {}}, f"{OPERATION}.body", "body template"),
    (f"{OPERATION}.outputRawFormat", "xml", f"{OPERATION}.outputRawFormat", "'xml' is not supported"),
    (f"{OPERATION}.outputParameters", [{"value": "$.id"}], f"{OPERATION}.outputParameters[0].value", "not supported"),
    (f"{OPERATION}.inputParameters[2].in", "cookie", f"{OPERATION}.inputParameters[2].in", "'cookie' is not supported"),
    (
        f"{OPERATION}.inputParameters[2].in",
        "body",
        f"{OPERATION}.inputParameters",
        "only one parameter can be the body",
    ),
    (f"{OPERATION}.inputParameters[2]", {"name": "imo", "in": "query"}, f"{OPERATION}.inputParameters", "imo is in"),
    (
        f"{OPERATION}.inputParameters[2]",
        {"name": "a b", "in": "header"},
        f"{OPERATION}.inputParameters[2].name",
        "header",
    ),
    (
        f"{API}.resources[0].operations[1]",
        {"name": "put", "method": "GET"},
        f"{API}.resources[0].operations[1].name",
        "twice",
    ),
    (
        "capability.consumes[1]",
        SHIPS["capability"]["consumes"][0],
        "capability.consumes[1].namespace",
        "ships is there twice",
    ),
    (f"{REST}.type", "grpc", REST, "'grpc' is not supported"),
    (f"{REST}.type", None, REST, "needs a `type`"),
    (f"{REST}.port", "8080", f"{REST}.port", "integer"),
    (f"{REST}.port", 65536, f"{REST}.port", "65535"),
    (f"{REST}.port", None, f"{REST}.port", "is required"),
    (f"{REST}.address", "::", f"{REST}.address", "--host"),
    (f"{REST}.authentication", {}, f"{REST}.authentication", "--auth caller"),
    (f"{REST}.resources[0].forward", {}, f"{REST}.resources[0].forward", "forwarding"),
    (f"{REST}.resources[0].path", "/a?b", f"{REST}.resources[0].path", "no `?`"),
    (f"{ROUTE}.steps", [], f"{ROUTE}.steps", "several calls"),
    (f"{ROUTE}.ref", "x", f"{ROUTE}.ref", "shared functions"),
    (f"{ROUTE}.mappings", [], f"{ROUTE}.mappings", "steps"),
    (f"{ROUTE}.call", None, f"{ROUTE}.call", "is required"),
    (f"{ROUTE}.call", "ships.get", f"{ROUTE}.call", "ships.get is not consumed; what is: ships.put"),
    (f"{ROUTE}.wiht", {}, f"{ROUTE}.wiht", "did you mean with?"),
    (f"{ROUTE}.with.speed", "1", f"{ROUTE}.with.speed", "ships.put has no parameter speed"),
    (f"{ROUTE}.with.flag", "rest.body", f"{ROUTE}.with.flag", "the body cannot be a query parameter"),
    (f"{ROUTE}.with.flag", "rest.cookie.a", f"{ROUTE}.with.flag", "rest.cookie.a is not supported"),
    (f"{ROUTE}.with.flag", "rest.body.flag", f"{ROUTE}.with.flag", "rest.body.flag is not supported"),
    (f"{ROUTE}.with.flag", "rest.path.flag", f"{ROUTE}.with.flag", "the path has no {flag}"),
    (f"{ROUTE}.with.flag", "tools.flag", f"{ROUTE}.with.flag", "nothing that a caller can bring here"),
    (f"{ROUTE}.with.flag", "$this.ships.flag", f"{ROUTE}.with.flag", "is an expression"),
    (f"{ROUTE}.with.flag", "{{env.FLAG}}", f"{ROUTE}.with.flag", "{{env.FLAG}} is not in `binds`"),
    (f"{ROUTE}.with.flag", ["a"], f"{ROUTE}.with.flag", "must be text, a number, true or false"),
    (f"{ROUTE}.inputParameters", [{"name": "x", "in": "body"}], f"{ROUTE}.inputParameters", "a part of a body"),
    (f"{ROUTE}.inputParameters", [{"name": "x", "in": "path"}], f"{ROUTE}.inputParameters", "the path has no {x}"),
    (
        f"{ROUTE}.inputParameters",
        [{"name": "x", "in": "query", "pattern": "."}],
        f"{ROUTE}.inputParameters[0].pattern",
        "patterns",
    ),
    (f"{ROUTE}.outputParameters[0].mapping", "$.id", f"{ROUTE}.outputParameters[0].mapping", "not supported"),
    (f"{ROUTE}.outputParameters[0].properties", {}, f"{ROUTE}.outputParameters[0].properties", "shaping"),
    (f"{ROUTE}.outputParameters[0].const", "x", f"{ROUTE}.outputParameters[0].const", "fixed"),
    (f"{MCP}.namespace", "ships-rest", f"{MCP}.namespace", "ships-rest is there twice"),
    (f"{MCP}.transport", "stdio", f"{MCP}.transport", "'stdio' is not supported"),
    (f"{MCP}.prompts", [], f"{MCP}.prompts", "prompts"),
    (f"{MCP}.resources", [], f"{MCP}.resources", "resources"),
    (f"{TOOL}.description", None, f"{TOOL}.description", "is required"),
    (f"{TOOL}.hints.safe", True, f"{TOOL}.hints.safe", "no such key"),
    (f"{TOOL}.hints.idempotent", "yes", f"{TOOL}.hints.idempotent", "boolean"),
    (f"{TOOL}.steps", [], f"{TOOL}.steps", "several calls"),
    (f"{TOOL}.with.imo", None, f"{TOOL}.with", "ships.put needs imo"),
    (f"{TOOL}.with.flag", "rest.query.flag", f"{TOOL}.with.flag", "nothing that a caller can bring here"),
    (f"{TOOL}.with.flag", "tools.a.b", f"{TOOL}.with.flag", "a.b is no name of an argument"),
    (f"{TOOL}.with.flag", "tools.body", f"{TOOL}.with", "body goes to a object and to a string"),
    (f"{SKILL}.name", "Not good!", f"{SKILL}.name", "pattern"),
    (f"{SKILL}.location", "http://x/", f"{SKILL}.location", "file:///"),
    (f"{SKILL}.location", "file:///nowhere/at/all", f"{SKILL}.location", "no such folder"),
    (f"{SKILL}.tools", [{"name": "a", "description": "b"}], f"{SKILL}.tools[0]", "one of `from` and `instruction`"),
    (
        f"{SKILL}.tools",
        [{"name": "a", "description": "b", "instruction": "x.md"}],
        f"{SKILL}.tools[0].instruction",
        "`location`",
    ),
    (
        f"{SKILL}.tools",
        [{"name": "a", "description": "b", "from": {"sourceNamespace": "ships-mcp", "action": "fly"}}],
        f"{SKILL}.tools[0].from",
        "ships-mcp exposes no fly",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "named", "said"), CASES, ids=[f"{case[0]}={case[1]}"[-60:] for case in CASES]
)
def test_what_is_wrong_is_named_by_its_path(loaded: Load, path: str, value: object, named: str, said: str):
    errors = {error.path: error.message for error in loaded(changed(path, value)).errors}
    assert named in errors
    assert said in errors[named]


def test_what_the_path_has_goes_to_the_parameter_of_the_same_name(loaded: Load):
    assert loaded(changed(f"{ROUTE}.with.imo", None)).errors == ()


@pytest.mark.parametrize(("path", "value"), [(f"{OPERATION}.method", "HEAD"), (f"{OPERATION}.outputRawFormat", "raw")])
def test_other_departures_that_do_no_harm_are_warnings(loaded: Load, path: str, value: str):
    result = loaded(changed(path, value))
    assert result.errors == ()
    assert path in [warning.path for warning in result.warnings]


def test_a_call_that_takes_nothing_needs_no_with(loaded: Load):
    document = changed(f"{OPERATION}.inputParameters", None)
    document["capability"]["consumes"][0]["resources"][0]["path"] = "/ships"
    for exposed in (
        document["capability"]["exposes"][0]["resources"][0]["operations"][0],
        document["capability"]["exposes"][1]["tools"][0],
    ):
        del exposed["with"]
    result = loaded(document)
    assert result.errors == ()
    assert result.ports[1].tools[0].arguments == ()


def test_an_address_may_be_bound(loaded: Load):
    document = changed(f"{API}.baseUri", "http://{{HOST}}/x")
    document["binds"][0]["keys"]["HOST"] = "SHIPS_HOST"
    result = loaded(document, environment={**ENVIRONMENT, "SHIPS_HOST": "127.0.0.1:5"})
    assert result.ports[0].routes[0].call.base_uri == "http://127.0.0.1:5/x"
    result = loaded(document)
    assert (result.errors, [unset.path for unset in result.unset]) == ((), ["binds[0].keys.HOST"])


def test_everything_wrong_is_told_at_once(loaded: Load):
    document = changed(f"{ROUTE}.call", "ships.get")
    document["capability"]["exposes"][1]["tools"][0]["call"] = "ships.list"
    assert [error.path for error in loaded(document).errors] == [f"{ROUTE}.call", f"{TOOL}.call"]


@pytest.mark.parametrize("document", [[], "text", None, 3])
def test_a_file_that_is_no_mapping_is_refused(loaded: Load, document: object):
    (error,) = loaded(document).errors
    assert "must be a mapping" in error.message


def test_a_variable_that_is_not_set_or_empty_is_told(loaded: Load):
    for environment in ({}, {"SHIPS_KEY": ""}):
        (unset,) = loaded(SHIPS, environment=environment).unset
        assert (unset.path, unset.message) == ("binds[0].keys.KEY", "the environment variable SHIPS_KEY is not set")


def test_to_run_a_variable_that_is_not_set_is_an_error_that_names_itself(tmp_path: Path):
    file = tmp_path / "ships.yaml"
    file.write_text(yaml.safe_dump(SHIPS))
    with pytest.raises(CapabilityError, match=r"ships\.yaml: binds\[0\]\.keys\.KEY: .* SHIPS_KEY is not set"):
        must_load([file], {})


@pytest.mark.parametrize("name", ["{{env.KEY}}", "{{office.KEY}}", "{{KEY}}", "{{ KEY }}"])
def test_a_bound_value_has_several_names(loaded: Load, name: str):
    document = changed(f"{API}.authentication.value", f"Bearer {name}")
    document["binds"][0]["namespace"] = "office"
    result = loaded(document)
    assert result.errors == ()
    credential = result.ports[0].routes[0].call.credential
    assert credential is not None
    assert credential.value == "Bearer secret"


def test_a_bearer_token_is_a_header(loaded: Load):
    result = loaded(changed(f"{API}.authentication", {"type": "bearer", "token": "{{KEY}}"}))
    credential = result.ports[0].routes[0].call.credential
    assert credential is not None
    assert (credential.place, credential.name, credential.value) == ("header", "Authorization", "Bearer secret")


def test_the_same_route_in_two_files_is_a_clash_that_names_both(loaded: Load):
    other = changed(f"{REST}.resources[0].path", "/fleet/{{number}}")
    other["capability"]["exposes"] = other["capability"]["exposes"][:1]
    other["capability"]["exposes"][0]["resources"][0]["operations"][0]["with"] = {
        "imo": "rest.path.number",
        "body": "rest.body",
    }
    (error,) = loaded(SHIPS, other).errors
    assert error.file.endswith("1.yaml")
    assert error.path == REST
    assert "PUT /fleet/{} on port 8080 is already exposed by capability.exposes[0] of" in error.message
    assert "0.yaml" in error.message


def test_the_same_tool_or_skill_in_two_files_is_a_clash(loaded: Load):
    errors = loaded(SHIPS, SHIPS).errors
    assert [error.path for error in errors] == [REST, MCP, "capability.exposes[2]"]
    assert "tool put-ship on port 9090" in errors[1].message
    assert "skill berthing on port 7070" in errors[2].message


def test_the_same_tool_twice_in_one_server_is_a_clash(loaded: Load):
    tool = SHIPS["capability"]["exposes"][1]["tools"][0]
    errors = loaded(changed(f"{MCP}.tools[1]", tool)).errors
    assert {error.path for error in errors} == {MCP}


def test_a_path_that_belongs_to_mcp_or_to_skills_on_the_same_port_is_a_clash(loaded: Load):
    document = changed(f"{MCP}.port", 8080)
    document["capability"]["exposes"][2]["port"] = 8080
    assert loaded(document).errors == ()
    resource = document["capability"]["exposes"][0]["resources"][0]
    for path in ("/mcp", "/skills", "/skills/{imo}"):
        resource["path"] = path
        resource["operations"][0]["with"]["imo"] = "1"
        (error,) = loaded(document).errors
        assert "belongs to" in error.message


def test_other_methods_of_the_same_path_are_no_clash(loaded: Load):
    other = changed(f"{ROUTE}.method", "POST")
    other["capability"]["exposes"] = other["capability"]["exposes"][:1]
    result = loaded(SHIPS, other)
    assert result.errors == ()
    assert [route.method for route in result.ports[0].routes] == ["PUT", "POST"]


def test_an_offset_that_leads_out_of_the_ports_is_refused(tmp_path: Path):
    file = tmp_path / "ships.yaml"
    file.write_text(yaml.safe_dump(SHIPS))
    assert [error.path for error in load([file], ENVIRONMENT, port_offset=57_000).errors] == [f"{MCP}.port"]


@pytest.mark.parametrize(
    "uri", ["ftp://x", "localhost:8080", "http://u:p@x", "http://x/?a", "http://x/#a", "http://a b"]
)
def test_a_base_uri_that_is_no_address_is_refused(tmp_path: Path, uri: str):
    with pytest.raises(CapabilityError, match="--base-uri"):
        load([tmp_path / "ships.yaml"], ENVIRONMENT, base_uri=uri)
