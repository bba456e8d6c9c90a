"""Connections that do not behave, and others that should not notice."""

import asyncio
import socket
import time
from contextlib import ExitStack, asynccontextmanager, closing

import pytest
import uvicorn

from palio.surfaces.connection import BoundedConnection

WORKFLOWS = "/v2/consumer/workflows"


@pytest.fixture
def connect(server):
    """Opens raw connections to the server."""
    host, port = server.url.removeprefix("http://").split(":")
    with ExitStack() as stack:

        def open_one(sent: bytes) -> socket.socket:
            connection = stack.enter_context(closing(socket.create_connection((host, int(port)), timeout=10)))
            connection.sendall(sent)
            return connection

        yield open_one


def answers_others(api):
    began = time.monotonic()
    assert api.run(api.echo())["status"] == "succeeded"
    assert time.monotonic() - began < 2


def test_half_a_request_holds_up_nobody(api, connect):
    head = f"POST {WORKFLOWS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n".encode()
    for _ in range(100):
        connect(head)
        connect(head + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")

    answers_others(api)


def test_whoever_leaves_while_waiting_is_forgotten(api, connect):
    workflow = api.start(api.slow())
    request = (
        f"GET {WORKFLOWS}/{workflow['id']}?wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n\r\n"
    )
    for _ in range(50):
        connect(request.encode()).close()

    answers_others(api)
    api.put(f"{WORKFLOWS}/{workflow['id']}", json={"status": "canceled"})
    assert api.workflow(workflow["id"], wait=10)["status"] == "canceled"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_is_refused(api, connect, sent):
    connection = connect(sent)
    connection.shutdown(socket.SHUT_WR)

    answer = connection.recv(65536)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    answers_others(api)


@pytest.mark.parametrize(
    "header",
    [b"X-Filler: " + b"x" * 4 * 1024 * 1024, b"".join(b"X-%d: x\r\n" % number for number in range(400_000))],
)
def test_the_head_of_a_request_is_read_up_to_a_limit_only(api, connect, header):
    connection = connect(f"GET {WORKFLOWS} HTTP/1.1\r\nHost: x\r\n".encode())
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        send_for_ever(connection, header)

    answers_others(api)


def test_headers_and_bodies_of_ordinary_size_are_read(api):
    many = {f"X-{number}": "x" * 1000 for number in range(30)}
    body = {"steps": [api.echo()], "arguments": {"a": "x" * 1_000_000}}

    assert api.post(WORKFLOWS, json=body, headers=many).status_code == 202


def send_for_ever(connection, data):
    while True:
        connection.sendall(data)


async def test_a_request_that_does_not_come_is_not_waited_for():
    # Given a server as ours, but without patience
    class Impatient(BoundedConnection):
        head_seconds = 0.2

    async def app(scope, receive, send):
        await asyncio.sleep(0.5)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with listening(app, Impatient) as port:
        # When somebody sends nothing, half a request, or half a second one
        for sent, answer in ((b"", b""), (b"GET / HT", b""), (REQUEST, b"204"), (REQUEST + b"GET / HT", b"204")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)

            # Then the connection is closed, but not before what was asked in full is answered
            received = await asyncio.wait_for(reader.read(), 8)
            writer.close()
            await writer.wait_closed()
            assert answer in received
            assert bool(received) is bool(answer)


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def listening(app, connection):
    """A uvicorn server on a free port."""
    config = uvicorn.Config(app, http=connection, lifespan="off", log_config=None, timeout_keep_alive=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        serving = asyncio.create_task(server.serve([sock]))
        try:
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


def test_requests_in_one_packet_are_answered_one_after_another(api, connect):
    get = f"GET {WORKFLOWS}?take=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n"
    connection = connect((get + "\r\n").encode() * 20 + (get + "Connection: close\r\n\r\n").encode())

    answer = b""
    while received := connection.recv(1 << 20):
        answer += received

    assert answer.count(b"HTTP/1.1 200") == 21


def test_http_1_0_without_a_host_gets_urls_that_lead_here(api, server, connect):
    path = "/v2/consumer/blobs/upload"
    connection = connect(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {api.token}\r\n\r\n".encode())

    answer = b""
    while received := connection.recv(65536):
        answer += received

    assert f'"uploadUrl":"{server.url}/v2/consumer/blobs?'.encode() in answer
