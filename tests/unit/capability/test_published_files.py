"""The two published files are run as they are."""

import hashlib
from pathlib import Path

import pytest

from palio.surfaces.capability.loading import load
from palio.surfaces.capability.plan import Port

FILES = Path(__file__).parents[3] / "capabilities"
SHA256 = {
    "orchestration-image-generation.yaml": "e8983873a65544756ec12446275e1e30d1e2a9b039fc7b0d09461cef69744cde",
    "orchestration-workflows.yaml": "689de339110ac616e8a59509fff768d341a05cf33e4497589ada2af57a052dae",
}
ENVIRONMENT = {"CIVITAI_API_KEY": "key"}


def test_nobody_has_edited_them():
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FILES.glob("*.yaml")}
    assert files == SHA256


@pytest.fixture
def ports() -> dict[int, Port]:
    loaded = load([FILES / name for name in SHA256], ENVIRONMENT)
    assert (loaded.errors, loaded.unset) == ((), ())
    return {port.number: port for port in loaded.ports}


def test_they_share_their_ports(ports: dict[int, Port]):
    assert {number: len(port.exposures) for number, port in ports.items()} == {8080: 2, 9090: 2}


def test_every_route_calls_what_the_file_says(ports: dict[int, Port]):
    workflows = "/v2/consumer/workflows"
    service = "https://orchestration.civitai.com"
    calls = {f"{route.method} {route.path}": str(route.call) for route in ports[8080].routes}
    assert calls == {
        f"POST {workflows}/image": f"POST {service}{workflows}",
        f"POST {workflows}": f"POST {service}{workflows}",
        f"GET {workflows}": f"GET {service}{workflows}",
        f"GET {workflows}/{{workflowId}}": f"GET {service}{workflows}/{{workflowId}}",
        f"PUT {workflows}/{{workflowId}}": f"PUT {service}{workflows}/{{workflowId}}",
        f"PATCH {workflows}/{{workflowId}}": f"PATCH {service}{workflows}/{{workflowId}}",
        f"DELETE {workflows}/{{workflowId}}": f"DELETE {service}{workflows}/{{workflowId}}",
    }


def test_the_query_of_images_is_consumed_and_not_exposed(ports: dict[int, Port]):
    called = {route.call.operation for route in ports[8080].routes} | {
        tool.call.operation for tool in ports[9090].tools
    }
    assert "orchestration-imagegen.submitimagegen" in called
    assert "orchestration-imagegen.queryimagegens" not in called


def test_where_they_depart_from_the_specification_is_a_warning():
    loaded = load([FILES / "orchestration-workflows.yaml"], ENVIRONMENT)
    assert {(warning.path, warning.message.partition(" (")[0]) for warning in loaded.warnings} == {
        ("capability.exposes[0].description", "the specification has no description of a REST server"),
        (
            "capability.exposes[0].resources[0].operations[0].outputParameters[0]",
            "the specification wants `properties` of an object",
        ),
        (
            "capability.consumes[0].resources[0].operations[0].inputParameters[0]",
            "the specification has no `type` and `required` of what is consumed",
        ),
    }


def test_a_key_that_is_not_set_names_itself():
    (unset,) = load([FILES / "orchestration-workflows.yaml"], {}).unset
    assert unset.path == "binds[0].keys.CIVITAI_API_KEY"
    assert "CIVITAI_API_KEY is not set" in unset.message


def test_the_callers_own_key_takes_the_place_of_the_bound_one():
    assert load([FILES / "orchestration-workflows.yaml"], {}, auth="caller").unset == ()


def test_secrets_are_in_no_representation():
    loaded = load([FILES / "orchestration-workflows.yaml"], {"CIVITAI_API_KEY": "s3cret"})
    assert "s3cret" not in repr(loaded)
