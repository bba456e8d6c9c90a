"""What the server says of itself, who may call it, and what it does with requests it has no answer to."""

import re
import time

import httpx
import pytest

WORKFLOWS = "/v2/consumer/workflows"


def test_health_needs_no_token(api):
    with api.anonymous() as anyone:
        assert anyone.get("/health").json()["status"] == "ok"


def test_the_description_names_every_operation(api):
    with api.anonymous() as anyone:
        reply = anyone.get("/openapi.json")

    assert reply.headers["Content-Type"] == "application/json"
    operations = {(method.upper(), path) for path, described in reply.json()["paths"].items() for method in described}
    workflow, blobs = f"{WORKFLOWS}/{{workflowId}}", "/v2/consumer/blobs"
    assert operations == {
        ("POST", WORKFLOWS),
        ("GET", WORKFLOWS),
        ("POST", f"{WORKFLOWS}/image"),
        ("GET", workflow),
        ("PUT", workflow),
        ("PATCH", workflow),
        ("DELETE", workflow),
        ("POST", f"{workflow}/tags"),
        ("DELETE", f"{workflow}/tags"),
        ("DELETE", f"{workflow}/tags/{{tag}}"),
        ("GET", f"{workflow}/steps/{{stepName}}"),
        ("PUT", f"{workflow}/steps/{{stepName}}"),
        ("PATCH", f"{workflow}/steps/{{stepName}}"),
        ("POST", blobs),
        ("GET", f"{blobs}/upload"),
        ("GET", f"{blobs}/content/{{encryptedToken}}"),
        ("GET", f"{blobs}/{{blobId}}"),
        ("HEAD", f"{blobs}/{{blobId}}"),
        ("POST", f"{blobs}/{{blobId}}/refresh"),
        ("GET", "/v2/operator/providers"),
        ("GET", "/skills"),
        ("GET", "/skills/{skillName}"),
        ("GET", "/skills/{skillName}/contents"),
        ("GET", "/skills/{skillName}/contents/{file}"),
        ("GET", "/skills/{skillName}/download"),
    }


def test_the_page_for_people_needs_nothing_from_elsewhere(api):
    with api.anonymous() as anyone:
        page = anyone.get("/docs")
        assert page.headers["Content-Type"].startswith("text/html")
        assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(assets) >= 2
        for asset in assets:
            assert asset.startswith("/docs/")
            reply = anyone.get(asset)
            assert reply.status_code == 200
            assert len(reply.content) > 1000
        assert anyone.get("/docs/other.js").status_code == 404
        assert anyone.get("/docs/..%2F..%2Fpyproject.toml").status_code == 404


@pytest.mark.parametrize("path", ["/v2", "/v2/consumer", "/v1/models", WORKFLOWS + "/", "/%00"])
def test_where_nothing_is_a_problem_says_so(api, path):
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", WORKFLOWS, {"GET", "HEAD", "POST"}),
        ("TRACE", WORKFLOWS, {"GET", "HEAD", "POST"}),
        ("POST", f"{WORKFLOWS}/x", {"DELETE", "GET", "HEAD", "PATCH", "PUT"}),
        ("DELETE", "/v2/consumer/blobs", {"POST"}),
        ("PUT", "/v2/consumer/blobs/x", {"GET", "HEAD"}),
        ("PUT", "/health", {"GET", "HEAD"}),
    ],
)
def test_what_cannot_be_done_says_what_can(api, method, path, allowed):
    reply = api.http.request(method, path)

    assert reply.status_code == 405
    assert set(reply.headers["Allow"].split(", ")) == allowed


def test_a_page_of_another_origin_may_ask_for_every_method(api):
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    with api.anonymous() as anyone:
        reply = anyone.options(f"{WORKFLOWS}/x", headers=headers)

    assert reply.status_code == 200
    assert "PATCH" in reply.headers["Access-Control-Allow-Methods"]
    assert "authorization" in reply.headers["Access-Control-Allow-Headers"].lower()


def test_problems_can_be_read_by_pages_of_another_origin(api):
    with api.anonymous() as anyone:
        reply = anyone.get(WORKFLOWS, headers={"Origin": "https://app.example"})

    assert reply.status_code == 401
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


class TestHost:
    """Our own URLs begin as the caller's request did."""

    def test_behind_another_name_urls_have_that_name(self, api):
        reply = api.get("/v2/consumer/blobs/upload", headers={"Host": "palio.example:8443"})

        assert reply.json()["uploadUrl"].startswith("http://palio.example:8443/v2/")

    @pytest.mark.parametrize("host", ["", "a b", 'x"y', "a/b", "user@x", "x:port", "é".encode()])
    def test_what_is_no_name_is_not_put_into_urls(self, api, host):
        reply = api.get("/v2/consumer/blobs/upload", headers={"Host": host})

        assert reply.status_code == 400 or reply.json()["uploadUrl"].startswith(f"{api.url}/v2/")


class TestToken:
    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz", "palio_x", "Bearer a b", b"Bearer \xff\xfe"],
    )
    def test_only_a_known_bearer_token_is_let_in(self, api, header):
        with api.anonymous() as anyone:
            reply = anyone.get(WORKFLOWS, headers={"Authorization": header})

        assert reply.status_code == 401
        assert reply.headers["WWW-Authenticate"] == "Bearer"

    def test_the_scheme_is_read_in_any_case(self, api):
        with api.anonymous() as anyone:
            assert anyone.get(WORKFLOWS, headers={"Authorization": f"bearer  {api.token}"}).status_code == 200

    def test_a_token_in_the_url_is_no_token(self, api):
        with api.anonymous() as anyone:
            assert anyone.get(WORKFLOWS, params={"token": api.token, "access_token": api.token}).status_code == 401

    def test_without_a_token_every_operation_is_closed(self, api):
        described = api.get("/openapi.json").json()
        with api.anonymous() as anyone:
            for path, methods in described["paths"].items():
                for method in methods:
                    # A URL that is a secret itself, and what is the same for everybody.
                    if path.endswith("/content/{encryptedToken}") or path.startswith("/skills"):
                        continue
                    url = re.sub(r"\{\w+\}", "x", path)
                    assert anyone.request(method, url).status_code == 401, (method, path)

    def test_a_revoked_token_is_let_in_for_two_seconds_at_most(self, server, tokens):
        token = tokens.create("to be revoked")
        client = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"})
        assert client.get(WORKFLOWS).status_code == 200

        tokens.revoke("to be revoked")

        until = time.monotonic() + 2.5
        while client.get(WORKFLOWS).status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        client.close()
