"""Features of a server that the scenarios of 2026-07-28 need: requests for input, capabilities, changes of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.mcpserver import Context  # noqa: TC002 - the SDK reads the annotations
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequests,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    MissingRequiredClientCapabilityErrorData,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)

if TYPE_CHECKING:
    from mcp.server import MCPServer


def _question(message: str, field: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _completion(text: str, max_tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


NAME = _question("What is your name?", "name")
CAPITAL = _completion("What is the capital of France?", 100)
CONFIRMATION = _question("Please confirm", "ok", "boolean")


def _ask(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def _answer(ctx: Context, key: str, field: str) -> str | None:
    """The user's answer, if the client sent one of the right form."""
    response = (ctx.input_responses or {}).get(key)
    if not isinstance(response, ElicitResult) or response.action != "accept":
        return None
    value = (response.content or {}).get(field)
    return None if value is None else str(value)


def _require_state(ctx: Context, expected: str) -> None:
    """The SDK seals the state and has verified it; this one must also belong to this round."""
    if ctx.request_state != expected:
        raise MCPError(code=INVALID_PARAMS, message="requestState is of another round")


async def test_input_required_result_elicitation(ctx: Context) -> str | InputRequiredResult:
    """Asks for a name."""
    name = _answer(ctx, "user_name", "name")
    return _ask(user_name=NAME) if name is None else f"Hello, {name}!"


async def test_input_required_result_sampling(ctx: Context) -> str | InputRequiredResult:
    """Asks the client's model."""
    response = (ctx.input_responses or {}).get("capital_question")
    if not isinstance(response, CreateMessageResult):
        return _ask(capital_question=CAPITAL)
    return str(getattr(response.content, "text", ""))


async def test_input_required_result_list_roots(ctx: Context) -> str | InputRequiredResult:
    """Asks for the roots."""
    response = (ctx.input_responses or {}).get("client_roots")
    if not isinstance(response, ListRootsResult):
        return _ask(client_roots=ListRootsRequest())
    return ", ".join(str(root.uri) for root in response.roots)


async def test_input_required_result_request_state(ctx: Context) -> str | InputRequiredResult:
    """Asks for a confirmation, and keeps a state meanwhile."""
    if _answer(ctx, "confirm", "ok") is None:
        return _ask("asked", confirm=CONFIRMATION)
    _require_state(ctx, "asked")
    return "state-ok"


async def test_input_required_result_tampered_state(ctx: Context) -> str | InputRequiredResult:
    """The same; the scenario changes the state."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: Context) -> str | InputRequiredResult:
    """Asks the user, the model and for the roots at once."""
    responses = ctx.input_responses or {}
    if not responses.keys() >= {"user_name", "greeting", "client_roots"}:
        greeting = _completion("Generate a greeting", 50)
        return _ask("asked", user_name=NAME, greeting=greeting, client_roots=ListRootsRequest())
    _require_state(ctx, "asked")
    return f"{_answer(ctx, 'user_name', 'name')} was greeted."


async def test_input_required_result_multi_round(ctx: Context) -> str | InputRequiredResult:
    """Asks twice, one question after the other."""
    if (name := _answer(ctx, "step1", "name")) is not None:
        _require_state(ctx, "step 1")
        return _ask(f"step 2 of {name}", step2=_question("Step 2: What is your favorite color?", "color"))
    color, state = _answer(ctx, "step2", "color"), ctx.request_state or ""
    if color is not None and state.startswith("step 2 of "):
        return f"{state.removeprefix('step 2 of ')} likes {color}."
    return _ask("step 1", step1=_question("Step 1: What is your name?", "name"))


async def test_input_required_result_capabilities(ctx: Context) -> str | InputRequiredResult:
    """Asks only for what the client can give."""
    if ctx.input_responses:
        return "Asked for what the client can give."
    capabilities = ctx.client_capabilities or ClientCapabilities()
    possible: dict[str, tuple[object, InputRequest]] = {
        "user_name": (capabilities.elicitation, NAME),
        "capital_question": (capabilities.sampling, CAPITAL),
        "client_roots": (capabilities.roots, ListRootsRequest()),
    }
    requests: InputRequests = {key: request for key, (declared, request) in possible.items() if declared is not None}
    return InputRequiredResult(input_requests=requests) if requests else "The client can give nothing."


async def test_missing_capability(ctx: Context) -> str:
    """Needs the client's model."""
    if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
        required = ClientCapabilities(sampling=SamplingCapability())
        data = MissingRequiredClientCapabilityErrorData(required_capabilities=required)
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="the client did not declare sampling",
            data=data.model_dump(by_alias=True, mode="json", exclude_none=True),
        )
    return "The client declared sampling."


async def test_streaming_elicitation(ctx: Context) -> str | InputRequiredResult:
    """Tells of its progress, then asks the user."""
    await ctx.report_progress(1, 2)
    name = _answer(ctx, "user_name", "name")
    return _ask(user_name=NAME) if name is None else f"Hello, {name}!"


async def test_logging_tool(ctx: Context) -> str:
    """Logs; the client has to ask for that."""
    await ctx.info("working")
    return "Logged."


async def test_trigger_tool_change(ctx: Context) -> str:
    """Says that the tools changed."""
    await ctx.notify_tools_changed()
    return "Said so."


async def test_trigger_prompt_change(ctx: Context) -> str:
    """Says that the prompts changed."""
    await ctx.notify_prompts_changed()
    return "Said so."


async def test_input_required_result_prompt(ctx: Context) -> str | InputRequiredResult:
    """A prompt that asks the user first."""
    context = _answer(ctx, "user_context", "context")
    if context is None:
        return _ask(user_context=_question("What context should the prompt use?", "context"))
    return f"Use this context: {context}"


TOOLS = (
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_capabilities,
    test_missing_capability,
    test_streaming_elicitation,
    test_logging_tool,
    test_trigger_tool_change,
    test_trigger_prompt_change,
)


def offer_diagnostics(server: MCPServer) -> None:
    """Add all of these to a server."""
    for tool in TOOLS:
        server.tool()(tool)
    server.prompt()(test_input_required_result_prompt)
