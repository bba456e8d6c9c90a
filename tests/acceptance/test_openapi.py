"""The OpenAPI document is true: the server answers as it says, to requests that fit it and to requests that do not."""

from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

WORKFLOWS = "/v2/consumer/workflows"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)

# Not asked for: that requests which fit the schemas are accepted. JSON Schema cannot say that a picture can be
# decoded, or that a reference leads somewhere.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def client(server) -> Iterator[httpx.Client]:
    """A client of an account of its own."""
    with server.client(server.another_token("openapi")) as client:
        yield client


def test_the_document_is_valid_openapi(client):
    document = client.get("/openapi.json").json()

    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@pytest.fixture(scope="module")
def there(client):
    """What paths may name: a workflow, its step, and a blob."""
    echo = {"steps": [{"$type": "echo", "input": {"message": "hello"}}]}
    workflow = client.post(WORKFLOWS, json=echo, params={"wait": 10}).json()
    blob = client.post("/v2/consumer/blobs", content=PIXEL, headers={"Content-Type": "image/png"}).json()
    place = client.get(blob["url"]).headers["Location"]
    return {
        "workflowId": workflow["id"],
        "stepName": "$0",
        "blobId": blob["id"],
        "encryptedToken": place.rpartition("/")[2],
    }


@pytest.mark.parametrize("mode", GenerationMode)
def test_replies_are_as_described(client, there, mode, subtests):
    described = schemathesis.openapi.from_url(str(client.base_url.join("/openapi.json")))
    headers = {"Authorization": client.headers["Authorization"]}
    tried = []
    for found in described.get_all_operations():
        operation = found.ok()
        with subtests.test(operation.label):
            tried.append(operation.label)
            # Without a token or a query there is no request that does not fit.
            if mode is GenerationMode.POSITIVE or not operation.path.startswith("/skills"):
                check(operation, mode, headers, {} if operation.method == "delete" else there)
    assert len(tried) == 25


def check(operation, mode, headers, there):
    """Send requests that fit the description, or that do not, and compare every reply with it."""

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def replies_are_as_described(case):
        if not case.meta.is_negative_at(ParameterLocation.PATH):
            case.path_parameters |= {name: there.get(name, value) for name, value in case.path_parameters.items()}
        # Replies are not to be held up here; an empty parameter means the same as none.
        case.query = {name: value for name, value in case.query.items() if name != "wait" and value not in ("", [""])}
        is_wrong = case.meta.is_negative_at(ParameterLocation.BODY)
        case.call_and_validate(
            headers=headers, checks=[*CHECKS, checks.negative_data_rejection] if is_wrong else CHECKS
        )

    replies_are_as_described()
