"""The protocol's edges, message by message."""

import json
import threading

import httpx
import pytest
from tests.conftest import CONFIG, running
from tests.integration.mcp.conftest import LATEST_WITH_SESSION, Wire, message_in

from palio import __version__
from palio.surfaces.mcp.catalog import Action

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", LATEST_WITH_SESSION])
def test_a_known_version_is_spoken(wire, version):
    answer = wire.initialize(version)
    assert answer["protocolVersion"] == version
    assert (answer["serverInfo"]["name"], answer["serverInfo"]["version"]) == ("palio", __version__)
    assert {"tools", "resources", "prompts"} <= answer["capabilities"].keys()
    assert Action.generate in answer["instructions"]


def test_an_unknown_version_is_answered_with_one_that_is_spoken(wire):
    assert wire.initialize("1999-01-01")["protocolVersion"] == LATEST_WITH_SESSION


def test_a_request_of_the_generation_without_sessions_needs_none(wire):
    # Given a request that says everything about itself
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    reply = wire.send(request, Mcp_Protocol_Version="2026-07-28", Mcp_Method="tools/list")

    # Then it is answered in JSON, without a session.
    assert reply.status_code == 200, reply.text
    assert "mcp-session-id" not in reply.headers
    assert len(reply.json()["result"]["tools"]) == 5


def test_ping_is_answered(session):
    assert session.ask("ping", id="p")["result"] == {}


def test_a_notification_has_no_answer(session):
    reply = session.send({"jsonrpc": "2.0", "method": "notifications/something", "params": {}})
    assert (reply.status_code, reply.content) == (202, b"")


def test_ids_come_back_as_they_were(session):
    assert session.ask("tools/list", id="seven")["id"] == "seven"
    assert session.ask("tools/list", id=7)["id"] == 7


@pytest.mark.parametrize(
    ("method", "params", "code", "said"),
    [
        ("tools/call", {"name": "paint", "arguments": {}}, INVALID_PARAMS, "there is no tool 'paint'"),
        ("tools/call", {"name": Action.get, "arguments": [1]}, INVALID_PARAMS, ""),
        ("tools/call", {"arguments": {}}, INVALID_PARAMS, ""),
        ("resources/read", {"uri": "palio://blobs/none"}, INVALID_PARAMS, "there is no resource"),
        ("resources/read", {"uri": "file:///etc/passwd"}, INVALID_PARAMS, "there is no resource"),
        ("resources/read", {"uri": "palio://workflows/../tokens"}, INVALID_PARAMS, "there is no resource"),
        ("prompts/get", {"name": "none"}, INVALID_PARAMS, "there is no prompt"),
        ("prompts/get", {"name": "make-an-image"}, INVALID_PARAMS, "idea: is required"),
        ("prompts/get", {"name": "make-an-image", "arguments": {"idea": "x", "b": "y"}}, INVALID_PARAMS, "b: is not"),
        ("sampling/createMessage", {}, METHOD_NOT_FOUND, ""),
    ],
)
def test_what_cannot_be_asked_is_an_error_of_the_protocol(session, method, params, code, said):
    error = session.ask(method, params)["error"]
    assert error["code"] == code
    assert said in error["message"]


@pytest.mark.parametrize("arguments", [{}, {"workflowId": 7}, {"workflowId": "x", "colour": "red"}, {"workflowId": ""}])
def test_arguments_that_a_model_can_correct_are_an_answer(session, arguments):
    result = session.ask("tools/call", {"name": Action.get, "arguments": arguments})["result"]
    assert result["isError"]
    assert result["structuredContent"]["status"] == 400


def test_what_is_no_json_is_a_parse_error(session):
    reply = session.send('{"jsonrpc": "2.0", "id": 1,')
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, PARSE_ERROR)


@pytest.mark.parametrize("text", ["[]", "3", '{"id": 1}', '{"jsonrpc": "1.0", "id": 1, "method": "ping"}'])
def test_what_is_no_message_is_refused(session, text):
    reply = session.send(text)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] in (INVALID_REQUEST, INVALID_PARAMS)


def test_a_deeply_nested_argument_is_refused(session):
    nested = '{"a":' * 200 + "1" + "}" * 200
    call = (
        f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{Action.submit}","arguments":{nested}}}}}'
    )
    reply = session.send(call)
    assert reply.status_code in (200, 400)
    if reply.status_code == 200:
        assert message_in(reply)["result"]["isError"]


@pytest.mark.parametrize("text", ['{"workflowId": "\\ud800"}', '{"workflowId": "x", "wait": 1e999}', '{"take": NaN}'])
def test_values_that_are_no_text_or_number_are_refused(session, text):
    call = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{Action.get}","arguments":{text}}}}}'
    reply = session.send(call)
    assert reply.status_code in (200, 400)
    if reply.status_code == 200:
        assert message_in(reply)["result"]["isError"]


def test_a_number_that_json_cannot_express_is_refused_by_path(session):
    text = '{"steps": [{"$type": "textToImage", "input": {"prompt": "a cup", "cfgScale": 1e400}}], "whatif": true}'
    reply = session.send(
        f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{Action.submit}","arguments":{text}}}}}'
    )
    result = message_in(reply)["result"]
    assert result["structuredContent"]["errors"] == {"steps[0].input.cfgScale": ["must be a finite number"]}


def test_a_client_has_to_take_events(session):
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert session.send(ping, Accept="application/json").status_code == 406
    assert session.send(ping, Content_Type="text/plain").status_code in (400, 415)


def test_a_session_ends_when_its_client_says_so(session):
    headers = {"Authorization": f"Bearer {session.token}", **session.session}
    assert httpx.delete(session.url, headers=headers).status_code == 200
    assert session.send({"jsonrpc": "2.0", "id": 1, "method": "ping"}).status_code == 404


def test_a_session_is_of_no_use_to_another_account(server, session):
    stranger = Wire(session.url, server.another_token("mcp-thief"), session.session)
    assert stranger.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).status_code == 404


def test_without_a_session_only_initialize_is_answered(wire):
    assert wire.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).status_code == 400


def test_mcp_is_at_the_port_of_rest_too(server):
    wire = Wire(f"{server.url}/mcp", server.token)
    wire.initialize()
    assert len(wire.ask("tools/list")["result"]["tools"]) == 5


def test_nothing_else_is_at_the_port_of_mcp(server):
    base = server.mcp_url.removesuffix("/mcp")
    for path in ("/", "/v2/consumer/workflows", "/mcp/", "/health"):
        reply = httpx.get(f"{base}{path}", headers={"Authorization": f"Bearer {server.token}"})
        assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


def test_a_server_that_stops_lets_calls_answer_and_workflows_be(tmp_path):
    """What a call waited for goes on after the next start: the server stopped, and not the client."""
    with running(tmp_path / "data", CONFIG) as server:
        wire = Wire(server.mcp_url, server.token)
        wire.initialize()
        arguments = {"engine": "grok", "prompt": "a slow tide", "wait": 60}
        call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call"}
        call["params"] = {"name": Action.generate, "arguments": arguments, "_meta": {"progressToken": "p"}}
        headers = {"Authorization": f"Bearer {wire.token}", "Accept": "application/json, text/event-stream"}
        with httpx.stream("POST", wire.url, json=call, headers={**headers, **wire.session}, timeout=60) as reply:
            events = reply.iter_lines()
            # Given a call that waits
            next(line for line in events if "notifications/progress" in line)

            # When the server is told to stop
            stopping = threading.Thread(target=server.process.terminate)
            stopping.start()
            said = [line for line in events if line.startswith("data: {")]
            stopping.join()
        server.process.wait(30)

    # Then the call has its answer
    answer = json.loads(said[-1][6:])
    workflow = answer["result"]["structuredContent"]
    assert workflow["status"] not in ("canceled", "failed")

    # and the workflow goes on at the next start.
    with running(tmp_path / "data", CONFIG) as server, server.client() as rest:
        assert rest.get(f"/v2/consumer/workflows/{workflow['id']}").json()["status"] not in ("canceled", "failed")
