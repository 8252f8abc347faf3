"""A server that is called directly gives the answers that it gives by the ASGI application of the SDK."""

import pytest

from tests.mcp_service.servers.both_ways import OLDER_WIRE, WIRES, both_ways, message
from tests.mcp_service.servers.every_answer import build_low_level_server, build_server

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")

PROGRESS = {"progressToken": "p-1", "io.modelcontextprotocol/logLevel": "info"}


def call(tool, **arguments):
    return "tools/call", {"name": tool, "arguments": arguments}


REQUESTS = {
    "success": call("echo", text="hello"),
    "text that is not ASCII": call("echo", text="é \U0001f600 \u2028 \x00"),
    "large result": call("many", count=300),
    "error of a tool": call("refuse"),
    "exception of a tool": call("crash"),
    "error of the protocol": call("error"),
    "unknown tool": call("nothing"),
    "wrong arguments": call("echo", txt=1),
    "arguments of another type": ("tools/call", {"name": "echo", "arguments": None}),
    "no name": ("tools/call", {"arguments": {}}),
    "elicitation": call("ask"),
    "lifespan state": call("state"),
    "notifications that nobody asked for": call("noisy"),
    "unknown method": ("no/such/method", {"a": 1}),
    "method of the other wire": ("ping", {}),
    "list of tools": ("tools/list", {}),
    "resource": ("resources/read", {"uri": "every://answer"}),
    "unknown resource": ("resources/read", {"uri": "every://thing"}),
    "prompt": ("prompts/get", {"name": "prompt", "arguments": {"name": "é"}}),
    "unknown prompt": ("prompts/get", {"name": "nothing"}),
    "completion without a handler": ("completion/complete", {"ref": {"type": "ref/prompt", "name": "prompt"}}),
    "error of a middleware": ("prompts/list", {}),
    "exception of a middleware": ("resources/templates/list", {}),
    "discovery": ("server/discover", {}),
}

MODES = pytest.mark.parametrize("json_response", [False, True], ids=["default", "json"])
WIRE = pytest.mark.parametrize("wire", WIRES)


def same(direct, application):
    """Whether a client reads the same."""
    return (direct.status, direct.messages) == (application.status, application.messages)


@MODES
@WIRE
async def test_each_answer_is_that_of_the_application(wire, json_response):
    direct, application = {}, {}
    async with both_ways(build_server(), json_response=json_response) as ways:
        for name, request in REQUESTS.items():
            answer = await ways.directly(*message(wire, *request))
            assert ways.was_direct, name
            direct[name] = (answer.status, answer.messages)
            answer = await ways.by_application(*message(wire, *request))
            application[name] = (answer.status, answer.messages)
    assert direct == application


@MODES
@WIRE
async def test_an_answer_without_notifications_is_one_json_document(wire, json_response):
    """The application begins a stream for each answer of the older wire."""
    async with both_ways(build_server(), json_response=json_response) as ways:
        for name, request in REQUESTS.items():
            direct = await ways.directly(*message(wire, *request))
            has_notifications = wire == OLDER_WIRE and name.startswith("notifications") and not json_response
            assert direct.content_type == ("text/event-stream" if has_notifications else "application/json"), name


@WIRE
@pytest.mark.parametrize("tool", ["noisy", "noisy_crash"])
async def test_notifications_come_as_events_before_the_result(wire, tool):
    body, headers = message(wire, *call(tool))
    body["params"].setdefault("_meta", {}).update(PROGRESS)
    async with both_ways(build_server()) as ways:
        direct = await ways.directly(body, headers)
        application = await ways.by_application(body, headers)
    assert ways.was_direct
    assert direct.content_type == "text/event-stream"
    assert len(direct.messages) > 1
    assert same(direct, application)
    assert direct.headers == application.headers
    if wire == OLDER_WIRE:
        assert direct.body == application.body


@WIRE
async def test_notifications_are_dropped_where_answers_are_json(wire):
    body, headers = message(wire, *call("noisy"))
    body["params"].setdefault("_meta", {}).update(PROGRESS)
    async with both_ways(build_server(), json_response=True) as ways:
        direct = await ways.directly(body, {**headers, "Accept": "application/json"})
    assert ways.was_direct
    assert direct.content_type == "application/json"
    assert len(direct.messages) == 1


@WIRE
async def test_the_id_comes_back_as_it_was_sent(wire):
    async with both_ways(build_server()) as ways:
        for request_id in (0, -1, 2**70, "", "seven", "7", "é\U0001f600"):
            body, headers = message(wire, *call("echo", text="hello"), request_id=request_id)
            direct = await ways.directly(body, headers)
            assert ways.was_direct
            assert direct.messages[0]["id"] == request_id
            assert same(direct, await ways.by_application(body, headers))


@WIRE
@MODES
async def test_a_method_of_the_server_s_own_is_answered_alike(wire, json_response):
    async with both_ways(build_low_level_server(), json_response=json_response) as ways:
        for numbers in ([1, 2], [], "x"):
            body, headers = message(wire, "acme/total", {"numbers": numbers})
            direct = await ways.directly(body, headers)
            assert ways.was_direct
            assert same(direct, await ways.by_application(body, headers))


@WIRE
async def test_a_tool_sees_the_request_as_before(wire):
    body, headers = message(wire, *call("request"))
    headers = {**headers, "Authorization": "Bearer secret", "X-Own": "a"}
    async with both_ways(build_server()) as ways:
        direct = await ways.directly(body, headers)
        application = await ways.by_application(body, headers)
    assert ways.was_direct
    seen = direct.messages[0]["result"]["structuredContent"]
    assert seen == application.messages[0]["result"]["structuredContent"]
    assert seen["method"] == "POST"
    assert seen["headers"]["x-own"] == "a"
    assert "authorization" not in seen["headers"]
    assert seen["body"] > 0


@MODES
@WIRE
async def test_a_context_variable_that_a_tool_sets_ends_with_its_call(wire, json_response):
    """What a tool binds to its own log lines is not in the log line of the request either."""
    async with both_ways(build_server(), json_response=json_response) as ways:
        answers = [await ways.directly(*message(wire, *call("remember", text=text))) for text in ("one", "two")]
    texts = [answer.messages[0]["result"]["content"][0]["text"] for answer in answers]
    assert texts == ["nothing, then one", "nothing, then two"]
    assert ways.seen_afterwards == ["nothing", "nothing"]


@WIRE
async def test_both_ways_share_one_lifespan_which_is_entered_once(wire):
    async with both_ways(build_server()) as ways:
        direct = await ways.directly(*message(wire, *call("state")))
        application = await ways.by_application(*message(wire, *call("state")))
    assert direct.messages[0]["result"]["structuredContent"] == {"entered": 1}
    assert same(direct, application)


@WIRE
async def test_the_text_of_an_exception_stays_in_the_log(wire):
    """On the older wire the SDK tells the text of what a middleware raises; that of a tool it keeps on both."""
    async with both_ways(build_server()) as ways:
        of_tool = await ways.directly(*message(wire, *call("crash")))
        of_middleware = await ways.directly(*message(wire, "resources/templates/list", {}))
    assert b"secret" not in of_tool.body
    assert (b"secret" in of_middleware.body) == (wire == OLDER_WIRE)
