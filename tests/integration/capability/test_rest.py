"""What reaches the API, and what comes back, byte for byte."""

import gzip
import json
import socket
import threading

import httpx
import pytest
from tests.integration.capability.running import PUBLISHED, Answer, Api, Running, api, runner

from palio.surfaces.capability.forwarder import Patience
from palio.surfaces.capability.rest import MAX_BODY

WORKFLOWS = "/v2/consumer/workflows"


def test_a_body_reaches_the_api_as_it_was_sent(client: httpx.Client, upstream: Api):
    body = b'{ "steps":[ ],\n "metadata":{"b":1.0,"a":"\\u00e9"} }'
    upstream.answer = Answer(202, b'{"id":"w1"}', [("Content-Type", "application/json"), ("Location", "/w1")])

    reply = client.post(WORKFLOWS, content=body, headers={"Content-Type": "application/json; charset=utf-8"})

    assert (upstream.last.method, upstream.last.target, upstream.last.body) == ("POST", WORKFLOWS, body)
    assert upstream.last.headers["content-type"] == "application/json; charset=utf-8"
    assert upstream.last.headers["authorization"] == "Bearer bound-key"
    assert (reply.status_code, reply.content, reply.headers["location"]) == (202, b'{"id":"w1"}', "/w1")


def test_the_image_file_submits_to_the_workflows(client: httpx.Client, upstream: Api):
    client.post(f"{WORKFLOWS}/image", json={"steps": []})
    assert (upstream.last.method, upstream.last.target) == ("POST", WORKFLOWS)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_has_a_path_and_a_body_gets_both(client: httpx.Client, upstream: Api, method: str):
    upstream.answer = Answer(204, b"", ())

    reply = client.request(method, f"{WORKFLOWS}/w1", json={"tags": ["a"]})

    assert (upstream.last.method, upstream.last.target) == (method, f"{WORKFLOWS}/w1")
    assert json.loads(upstream.last.body) == {"tags": ["a"]}
    assert (reply.status_code, reply.content) == (204, b"")
    assert "content-type" not in reply.headers
    assert "content-length" not in reply.headers


def test_a_json_patch_is_an_array(client: httpx.Client, upstream: Api):
    patch = b'[{"op":"add","path":"/tags/-","value":"a"}]'
    client.patch(f"{WORKFLOWS}/w1", content=patch, headers={"Content-Type": "application/json-patch+json"})
    assert upstream.last.body == patch
    assert upstream.last.headers["content-type"] == "application/json-patch+json"


def test_delete_has_no_body_and_no_content_type(client: httpx.Client, upstream: Api):
    upstream.answer = Answer(204, b"", ())
    reply = client.delete(f"{WORKFLOWS}/w1")
    assert (upstream.last.method, upstream.last.target, upstream.last.body) == ("DELETE", f"{WORKFLOWS}/w1", b"")
    assert "content-type" not in upstream.last.headers
    assert reply.status_code == 204


def test_only_what_the_file_maps_reaches_the_api_and_repeated_values_stay_repeated(client: httpx.Client, upstream: Api):
    client.get(f"{WORKFLOWS}?status=failed&take=5&status=a%26b%2Fc%20d&wait=60")
    assert upstream.last.target == f"{WORKFLOWS}?take=5&status=failed&status=a%26b%2Fc%20d"


def test_an_empty_value_is_a_value(client: httpx.Client, upstream: Api):
    client.get(f"{WORKFLOWS}?cursor=")
    assert upstream.last.target == f"{WORKFLOWS}?cursor="


@pytest.mark.parametrize("part", ["a%2Fb", "urn%3Aair%401", "%F0%9F%90%8E", "%FF", "a%25b", "w%20x"])
def test_a_path_parameter_stays_as_it_was_encoded(client: httpx.Client, upstream: Api, part: str):
    client.get(f"{WORKFLOWS}/{part}")
    assert upstream.last.target == f"{WORKFLOWS}/{part}"


@pytest.mark.parametrize("part", ["%2E%2E", ".%2e", "%2e"])
def test_a_path_parameter_cannot_climb(running: Running, upstream: Api, part: str):
    # Given a client that does not tidy the path up
    reply = _raw(running, f"GET {WORKFLOWS}/{part} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 400")
    assert b"workflowId" in reply
    assert upstream.asked == []


def test_the_caller_cannot_say_whose_key_is_spent(client: httpx.Client, upstream: Api):
    client.get(WORKFLOWS, headers={"Authorization": "Bearer mine", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4"})
    assert upstream.last.headers["authorization"] == "Bearer bound-key"
    assert not {"cookie", "x-forwarded-for"} & set(upstream.last.headers)


def test_headers_that_are_not_ascii_arrive_as_text(client: httpx.Client, upstream: Api):
    for sent in ("Flöte".encode(), "Flöte".encode("latin-1")):
        assert client.get(WORKFLOWS, headers=[(b"User-Agent", sent)]).status_code == 200


def test_conditions_and_preferences_of_the_caller_go_on(client: httpx.Client, upstream: Api):
    sent = {
        "Accept": "text/plain",
        "If-None-Match": '"v1"',
        "Range": "bytes=0-1",
        "User-Agent": "me",
        "Prefer": "wait=5",
    }
    client.get(WORKFLOWS, headers=sent)
    assert {name: upstream.last.headers[name.lower()] for name in sent} == sent


def test_a_problem_of_the_api_comes_back_whole(client: httpx.Client, upstream: Api):
    problem = b'{"status":429,"detail":"slow down","errors":{"a":["b"]}}'
    headers = [("Content-Type", "application/problem+json"), ("Retry-After", "7"), ("ETag", '"x"'), ("X-Own", "1")]
    upstream.answer = Answer(429, problem, headers)

    reply = client.get(WORKFLOWS)

    assert (reply.status_code, reply.content) == (429, problem)
    assert {name: reply.headers[name] for name, _ in headers} == dict(headers)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500, 503])
def test_statuses_pass(client: httpx.Client, upstream: Api, status: int):
    upstream.answer = Answer(status, b"no", [("Content-Type", "text/plain")])
    reply = client.get(WORKFLOWS)
    assert (reply.status_code, reply.text, reply.headers["content-type"]) == (status, "no", "text/plain")


def test_an_unknown_content_type_passes(client: httpx.Client, upstream: Api):
    upstream.answer = Answer(200, bytes(range(256)), [("Content-Type", "application/x-own")])
    reply = client.get(f"{WORKFLOWS}/w1")
    assert (reply.content, reply.headers["content-type"]) == (bytes(range(256)), "application/x-own")


def test_a_redirect_is_passed_on_not_followed(client: httpx.Client, upstream: Api):
    upstream.answer = Answer(308, b"", [("Location", "https://elsewhere.example/x")])
    reply = client.get(f"{WORKFLOWS}/w1")
    assert (reply.status_code, reply.headers["location"]) == (308, "https://elsewhere.example/x")
    assert len(upstream.asked) == 1


def test_not_modified_passes(client: httpx.Client, upstream: Api):
    upstream.answer = Answer(304, b"", [("ETag", '"v1"'), ("Content-Length", "500")])
    reply = client.get(f"{WORKFLOWS}/w1", headers={"If-None-Match": '"v1"'})
    assert (reply.status_code, reply.headers["etag"], reply.content) == (304, '"v1"', b"")


def test_a_compressed_reply_stays_compressed(client: httpx.Client, upstream: Api):
    packed = gzip.compress(b"hello " * 100)
    upstream.answer = Answer(200, packed, [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")])
    with client.stream("GET", WORKFLOWS, headers={"Accept-Encoding": "gzip"}) as reply:
        assert b"".join(reply.iter_raw()) == packed
    assert upstream.last.headers["accept-encoding"] == "gzip"


def test_headers_of_the_connection_and_cookies_stay_behind(client: httpx.Client, upstream: Api):
    upstream.answer = Answer(200, b"{}", [("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Set-Cookie", "a=b")])
    reply = client.get(WORKFLOWS)
    assert not {"x-hop", "set-cookie"} & set(reply.headers)
    assert "server" not in reply.headers


def test_a_slow_body_comes_as_it_is_made(client: httpx.Client, upstream: Api):
    # Given an API that makes the second part only once the first has arrived
    arrived = threading.Event()

    def parts():
        yield b"first"
        assert arrived.wait(20)
        yield b"second"

    upstream.answer = Answer(200, parts(), [("Content-Type", "text/event-stream")])
    with client.stream("GET", f"{WORKFLOWS}/w1") as reply:
        received = reply.iter_raw()
        assert next(received) == b"first"
        arrived.set()
        assert b"".join(received) == b"second"


def test_a_large_body_passes_whole(client: httpx.Client, upstream: Api):
    body = bytes(1024) * 4096
    upstream.answer = Answer(200, body, [("Content-Type", "application/octet-stream")])
    reply = client.get(f"{WORKFLOWS}/w1")
    assert reply.content == body
    assert reply.headers["content-length"] == str(len(body))


def test_a_caller_who_hangs_up_while_waiting_ends_the_request_to_the_api(running: Running, upstream: Api):
    # Given an API that answers nothing until its own caller is gone
    asked, gone = threading.Event(), threading.Event()

    def wait(handler) -> None:
        asked.set()
        handler.connection.settimeout(20)
        if handler.connection.recv(1) == b"":
            gone.set()

    upstream.answer = wait
    with socket.create_connection(("127.0.0.1", 8080 + running.offset)) as caller:
        caller.sendall(f"GET {WORKFLOWS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        # When the caller leaves
        assert asked.wait(20)
    # Then the API hears of it
    assert gone.wait(20)


def test_a_caller_who_hangs_up_in_the_middle_of_a_body_ends_it(running: Running, upstream: Api):
    ended = threading.Event()

    def parts():
        try:
            while True:
                yield bytes(64 * 1024)
        finally:
            ended.set()

    upstream.answer = Answer(200, parts(), ())
    with socket.create_connection(("127.0.0.1", 8080 + running.offset)) as caller:
        caller.sendall(f"GET {WORKFLOWS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert caller.recv(1024).startswith(b"HTTP/1.1 200")
    assert ended.wait(20)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{bad", "not valid JSON"),
        (b"[1]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"", "required"),
    ],
)
def test_a_body_that_is_no_object_is_refused_by_its_name(client: httpx.Client, upstream: Api, body: bytes, said: str):
    reply = client.post(WORKFLOWS, content=body)
    assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")
    assert said in reply.json()["errors"]["body"][0]
    assert upstream.asked == []


def test_a_body_of_another_type_is_the_apis_business(client: httpx.Client, upstream: Api):
    client.post(WORKFLOWS, content=b"\x89PNG", headers={"Content-Type": "image/png"})
    assert (upstream.last.body, upstream.last.headers["content-type"]) == (b"\x89PNG", "image/png")


def test_a_compressed_body_is_the_apis_business(client: httpx.Client, upstream: Api):
    packed = gzip.compress(b"{}")
    client.post(WORKFLOWS, content=packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert (upstream.last.body, upstream.last.headers["content-encoding"]) == (packed, "gzip")


def test_a_body_is_bounded(client: httpx.Client, upstream: Api):
    def parts():
        for _ in range(MAX_BODY // (1024 * 1024) + 1):
            yield bytes(1024 * 1024)

    assert client.post(WORKFLOWS, content=parts()).status_code == 413
    reply = client.post(WORKFLOWS, content=b" " * (MAX_BODY + 1))
    assert reply.status_code == 413
    assert upstream.asked == []


def test_too_many_members_of_a_query_are_refused(client: httpx.Client, upstream: Api):
    assert client.get(f"{WORKFLOWS}?" + "&".join("take=1" for _ in range(1001))).status_code == 400
    assert upstream.asked == []


def test_what_is_not_exposed_is_not_there(client: httpx.Client, upstream: Api):
    missing = client.get("/v2/consumer/blobs")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    refused = client.post(f"{WORKFLOWS}/w1", json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, PATCH, PUT")
    assert client.get(f"{WORKFLOWS}/").status_code == 404
    assert upstream.asked == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}, 421),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Host": "[::1]:8080"}, 200),
    ],
)
def test_pages_of_other_origins_cannot_spend_the_key(
    client: httpx.Client, upstream: Api, headers: dict[str, str], status: int
):
    assert client.get(WORKFLOWS, headers=headers).status_code == status
    assert len(upstream.asked) == (status == 200)


def test_an_api_that_cannot_be_reached_is_a_502():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with runner(PUBLISHED, f"http://127.0.0.1:{port}") as started, started.client() as caller:
        reply = caller.get(WORKFLOWS)
    assert (reply.status_code, reply.headers["content-type"]) == (502, "application/problem+json")
    assert "bound-key" not in reply.text


def test_an_api_that_hangs_up_is_a_502(client: httpx.Client, upstream: Api):
    upstream.answer = lambda _: None
    assert client.post(WORKFLOWS, json={}).status_code == 502
    assert len(upstream.asked) == 1


def test_a_reply_that_is_shorter_than_it_says_is_a_502(client: httpx.Client, upstream: Api):
    def half(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    upstream.answer = half
    assert client.get(WORKFLOWS).status_code == 502


def test_a_streamed_reply_that_breaks_off_is_told_by_its_missing_end(client: httpx.Client, upstream: Api):
    def half(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")

    upstream.answer = half
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(WORKFLOWS)


def test_what_is_no_http_is_a_502(client: httpx.Client, upstream: Api):
    upstream.answer = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n") and None
    assert client.get(WORKFLOWS).status_code == 502


def test_an_api_that_does_not_answer_in_time_is_a_504():
    ended = threading.Event()
    with api() as silent, runner(PUBLISHED, silent.url, patience=Patience(read=0.2)) as started:
        silent.answer = lambda _: ended.wait(20) and None
        with started.client() as caller:
            reply = caller.get(WORKFLOWS)
        ended.set()
    assert (reply.status_code, reply.json()["status"]) == (504, 504)


def test_with_the_callers_own_key_the_bound_one_is_neither_needed_nor_spent(upstream: Api):
    with runner(PUBLISHED, upstream.url, environment={}, auth="caller") as started, started.client() as caller:
        caller.get(WORKFLOWS, headers={"Authorization": "Bearer mine"})
        assert upstream.last.headers["authorization"] == "Bearer mine"
        caller.get(WORKFLOWS)
        assert "authorization" not in upstream.last.headers


def test_an_address_may_have_a_path_of_its_own(upstream: Api):
    with runner(PUBLISHED, f"{upstream.url}/mirror/") as started, started.client() as caller:
        caller.get(f"{WORKFLOWS}/w1")
    assert upstream.last.target == f"/mirror{WORKFLOWS}/w1"


def _raw(running: Running, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", 8080 + running.offset)) as caller:
        caller.sendall(request.encode())
        return b"".join(iter(lambda: caller.recv(65536), b""))
