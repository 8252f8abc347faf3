"""Requests beyond the scope of the token: they change nothing on the server."""

import pytest

from sallyport_doctor.http_exchange import HttpExchange
from sallyport_doctor.login.step_up import ToolScopes, find_tool_beyond
from tests.sallyport_doctor.faulty_servers.endpoint import rpc
from tests.sallyport_doctor.faulty_servers.faults_step_up import MiddlewareRequiresAllScopes
from tests.sallyport_doctor.faulty_servers.healthy import SigningIn

WRITE = [{"type": "oauth2", "scopes": ["notes:write"]}]
TEXT = {"type": "object", "required": ["text"]}


def listing(**tool):
    body = rpc({"tools": [{"name": "add_note", "inputSchema": TEXT, "securitySchemes": WRITE, **tool}]}).body
    return HttpExchange("POST", "https://mcp.example/mcp", status=200, body=body)


def test_a_tool_that_says_it_needs_more_is_the_one_to_ask():
    assert find_tool_beyond(listing(), ("notes:read",)) == ToolScopes("add_note", ("notes:write",))


@pytest.mark.parametrize(
    "tool",
    [
        {"inputSchema": {"type": "object"}},
        {"inputSchema": {"type": "object", "required": []}},
        {"inputSchema": None},
        {"securitySchemes": None},
        {"securitySchemes": [*WRITE, {"type": "noauth"}]},
        {"securitySchemes": [{"type": "oauth2", "scopes": ["notes:read"]}, *WRITE]},
        {"securitySchemes": [{"type": "oauth2"}]},
        {"name": None},
        {"name": "a\r\nb"},
    ],
    ids=lambda tool: str(tool)[:60],
)
def test_a_tool_that_might_do_something_or_needs_no_more_is_never_called(tool):
    assert find_tool_beyond(listing(**tool), ("notes:read",)) is None


def test_with_all_scopes_there_is_nothing_to_ask_for():
    assert find_tool_beyond(listing(), ("notes:read", "notes:write")) is None


class Recording(SigningIn):
    """Records each tool call and accepts it."""

    def __init__(self):
        super().__init__()
        self.called = []

    async def answer_call(self, request):
        call = await request.json()
        if call["method"] == "tools/call":
            self.called.append(call["params"])
            return rpc({"isError": True, "content": [{"type": "text", "text": "text is required"}]})
        return await super().answer_call(request)


async def test_the_one_call_has_no_arguments_and_an_unchallenged_answer_is_no_finding(run):
    model = Recording()
    diagnosis = await run(model, login=True)
    assert [(call["name"], call["arguments"]) for call in model.called] == [("add_note", {})]
    assert diagnosis.findings == ()


async def test_without_a_sign_in_no_tool_is_called(run):
    model = Recording()
    await run(model, register=True)
    assert model.called == []


class ListsForAll(MiddlewareRequiresAllScopes):
    """A token with one of two scopes lists the tools, which declare nothing."""

    async def answer_call(self, request):
        return await SigningIn.answer_call(self, request)


async def test_a_list_that_needs_no_more_scopes_is_not_called_a_call_that_does(run):
    diagnosis = await run(ListsForAll(), login=True)
    assert not [remark for remark in diagnosis.remarks if "needs more than" in remark]
    assert diagnosis.findings == ()


async def test_a_list_that_needs_more_scopes_is_a_call_that_does(run):
    diagnosis = await run(MiddlewareRequiresAllScopes(), login=True)
    assert "A call that needs more than the token's scopes got 403 to tools/list." in diagnosis.remarks
