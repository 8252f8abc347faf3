"""JSON-RPC messages of a process: read strictly enough that nothing malformed is passed on to a client.

Pure. What a process writes is not trusted: it may print anything, by mistake or on purpose.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from shared.jose.strict_json import BadJson, parse_json

INTERNAL_ERROR: Final = -32603


@dataclass(frozen=True, slots=True)
class Answer:
    """The result or the error of a request of ours."""

    rpc_id: int
    result: dict[str, Any] | None
    error: RpcError | None


@dataclass(frozen=True, slots=True)
class RpcError:
    """A JSON-RPC error, to be passed on to the client that asked."""

    code: int
    message: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request or, without an id, a notification of the process."""

    method: str
    params: dict[str, Any]
    rpc_id: str | int | None


MALFORMED: Final = RpcError(INTERNAL_ERROR, "The server gave a malformed answer.")


def read_message(line: bytes) -> Answer | Request | None:
    """Read one line; None for what is no message, such as text that a program prints by mistake."""
    try:
        message = parse_json(line)
    except BadJson:
        return None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return None
    rpc_id, method = message.get("id"), message.get("method")
    if isinstance(method, str):
        params = message.get("params")
        is_identified = isinstance(rpc_id, str | int) and not isinstance(rpc_id, bool)
        return Request(method, params if isinstance(params, dict) else {}, rpc_id if is_identified else None)
    if not isinstance(rpc_id, int) or isinstance(rpc_id, bool):
        # Every id that was sent is a number.
        return None
    return _answer(rpc_id, message)


def _answer(rpc_id: int, message: dict[str, Any]) -> Answer:
    result, error = message.get("result"), message.get("error")
    if isinstance(result, dict) and "error" not in message:
        return Answer(rpc_id, result, None)
    if isinstance(error, dict) and "result" not in message:
        code, text = error.get("code"), error.get("message")
        if isinstance(code, int) and not isinstance(code, bool) and isinstance(text, str):
            return Answer(rpc_id, None, RpcError(code, text, error.get("data")))
    return Answer(rpc_id, None, MALFORMED)


def encode(message: dict[str, Any]) -> bytes:
    """A message as one line without its break. ASCII: no character in it can be taken for the end of the line."""
    return json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
