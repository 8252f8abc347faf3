"""A list that is relayed as bytes: JSON and events, however they are cut; bounded, and refused if it cannot be read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_service.guard.errors import UnreadableAnswer
from mcp_service.guard.operation import ScopeRules
from mcp_service.guard.scope_map import ScopeMap
from mcp_service.servers.asgi_list_filter import with_filtered_list
from mcp_service.servers.list_policy import ListPolicy
from mcp_service.servers.list_relay import ListRelay

RULES = ScopeRules(
    ScopeMap.model_validate(
        {"scopes": {"n:read": "R", "n:write": "W"}, "default": "n:read", "tools": {"rm": "n:write"}}
    )
)
POLICY = ListPolicy(RULES, filters=True, undeclared=None)
ANSWER = {"jsonrpc": "2.0", "id": 7, "result": {"tools": [{"name": "ls"}, {"name": "rm"}], "big": 1.5}}
SHOWN = {"jsonrpc": "2.0", "id": 7, "result": {"tools": [{"name": "ls"}], "big": 1.5}}
PROGRESS = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
EVENTS = "text/event-stream"


def relay(content_type="application/json", **options):
    return ListRelay(POLICY, method="tools/list", granted=("n:read",), content_type=content_type, **options)


def relayed(body, content_type="application/json", *, size=0, **options):
    through = relay(content_type, **options)
    chunks = [body[i : i + size] for i in range(0, len(body), size)] if size else [body]
    return b"".join([*map(through.feed, chunks), through.finish()])


def event(message, *, end="\n", data=None):
    return f"event: message{end}id: 3{end}data: {data or json.dumps(message)}{end}{end}"


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_json_answer_loses_what_the_token_does_not_cover(content_type, size):
    assert json.loads(relayed(json.dumps(ANSWER).encode(), content_type, size=size)) == SHOWN


def test_an_error_and_an_empty_answer_pass():
    error = {"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "no"}}
    assert json.loads(relayed(json.dumps(error).encode())) == error
    assert relayed(b"", "") == b""


def messages(stream):
    return [json.loads(line[6:]) for line in stream.decode().split("\n") if line.startswith("data: ")]


@given(st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 400))
def test_events_are_rewritten_one_by_one_however_they_are_cut(end, size):
    body = (f": hello{end}{end}" + event(PROGRESS, end=end) + event(ANSWER, end=end)).encode()
    stream = relayed(body, EVENTS, size=size)
    assert messages(stream) == [PROGRESS, SHOWN]
    assert stream.startswith(b": hello\n\nevent: message\nid: 3\ndata: ")
    assert stream.endswith(b"\n\n")


def test_an_event_is_passed_on_as_soon_as_it_is_whole():
    through = relay(EVENTS)
    assert messages(through.feed(event(PROGRESS).encode())) == [PROGRESS]
    assert through.feed(event(ANSWER).encode()[:-1]) == b""
    assert messages(through.feed(b"\n")) == [SHOWN]


def test_a_resumed_stream_repeats_no_list_unfiltered():
    """Servers with sessions repeat answers after Last-Event-ID; the request is not known then."""
    through = ListRelay(POLICY, method=None, granted=("n:read",), content_type=EVENTS)
    called = {"jsonrpc": "2.0", "id": 6, "result": {"content": [{"type": "text", "text": "rm"}]}}
    stream = through.feed((event(called) + event(PROGRESS) + event(ANSWER)).encode())
    assert messages(stream) == [called, PROGRESS, SHOWN]


def test_data_on_several_lines_is_one_message():
    text = json.dumps(ANSWER, indent=1)
    assert messages(relayed(event(None, data=text.replace("\n", "\ndata: ")).encode(), EVENTS)) == [SHOWN]


@pytest.mark.parametrize(
    "hidden",
    [
        f"data : {json.dumps(ANSWER)}\n\n",
        f"\ufeffdata: {json.dumps(ANSWER)}\n\n",
        f"DATA: {json.dumps(ANSWER)}\n\n",
        f"data: {json.dumps(ANSWER)}",
    ],
)
def test_what_another_reader_might_take_for_data_does_not_pass(hidden):
    assert b"rm" not in relayed(hidden.encode(), EVENTS)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {"tools": [], "tools": [{"name": "rm"}]}}', "application/json"),
        (json.dumps([ANSWER]).encode(), "application/json"),
        (json.dumps({**ANSWER, "result": [{"name": "rm"}]}).encode(), "application/json"),
        (json.dumps({**ANSWER, "result": {"tools": "rm"}}).encode(), "application/json"),
        (json.dumps(ANSWER).encode(), "text/plain"),
        (json.dumps(ANSWER).encode(), ""),
        (b"data: rm\n\n", EVENTS),
        (b"data: \xff\n\n", EVENTS),
    ],
)
def test_what_cannot_be_read_is_refused(body, content_type):
    with pytest.raises(UnreadableAnswer) as refused:
        relayed(body, content_type)
    assert (refused.value.status, refused.value.error_id) == (502, "list_answer")


@pytest.mark.parametrize(
    ("content_type", "chunk"),
    [
        ("application/json", b"x" * 100),
        (EVENTS, b"data: " + b"x" * 100),
        (EVENTS, b"data: x\n" * 20),
        # As objects, short lines occupy far more than their bytes.
        (EVENTS, b"a\n" * 20),
        (EVENTS, b"x" * 100),
    ],
)
def test_an_answer_beyond_its_bound_is_refused_before_it_is_kept(content_type, chunk):
    through = relay(content_type, max_bytes=1000)
    with pytest.raises(UnreadableAnswer, match="more than 1000 bytes"):
        b"".join(map(through.feed, [chunk] * 20))
    assert len(through._pending) + through._event_bytes < 2000


def test_many_small_chunks_cost_no_more_than_their_bytes():
    """Each byte is looked at once, or this takes minutes."""
    through = relay(EVENTS)
    for _ in range(200_000):
        through.feed(b"data:abcd")
    assert len(through._pending) == 1_800_000


async def nothing_more():
    return {"type": "http.disconnect"}


async def answered(app, sent):
    async def send(message):
        sent.append(message)

    await with_filtered_list(app, relay)({}, nothing_more, send)


def app_that_says(body):
    async def app(_scope, _receive, send):
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:], "more_body": False})

    return app


async def test_the_list_of_an_asgi_application_is_filtered():
    sent: list[Any] = []
    await answered(app_that_says(json.dumps(ANSWER).encode()), sent)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert json.loads(sent[1]["body"]) == SHOWN


async def test_nothing_of_a_list_that_cannot_be_read_is_sent():
    sent: list[Any] = []
    with pytest.raises(UnreadableAnswer):
        await answered(app_that_says(b'{"tools": ["rm"'), sent)
    assert sent == []
