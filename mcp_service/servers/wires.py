"""How the two wires of MCP write a result, an error and a notification of the SDK's kernel, as the SDK writes them.

Owns: bytes and HTTP status. Does not own: what an answer says; that comes from the kernel and its own functions.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Final, Protocol

from mcp.server.runner import modern_error_data
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data
from mcp_types import ErrorData, JSONRPCError, JSONRPCNotification, JSONRPCResponse
from pydantic_core import PydanticSerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pydantic import BaseModel

_log: Final = logging.getLogger(__name__)


class Wire(Protocol):
    """One of the two."""

    is_modern: bool

    def notification(self, method: str, params: Mapping[str, Any] | None) -> JSONRPCNotification:
        """A notification that belongs to a request."""

    def encode(self, message: BaseModel) -> bytes:
        """A message as JSON."""

    def error(self, exc: Exception, method: str) -> ErrorData:
        """What the client is told of an exception of the kernel or of a handler."""

    def status(self, message: JSONRPCResponse | JSONRPCError) -> int:
        """The HTTP status of an answer that is one JSON document."""


class ModernWire:
    """2026-07-28, where each request carries its own version and capabilities."""

    is_modern = True

    def notification(self, method: str, params: Mapping[str, Any] | None) -> JSONRPCNotification:
        """A notification; one without params has none on the wire."""
        return JSONRPCNotification(jsonrpc="2.0", method=method, params=None if params is None else dict(params))

    def encode(self, message: BaseModel) -> bytes:
        """A message as JSON, without members of the envelope that are null."""
        try:
            return message.model_dump_json(by_alias=True, exclude_none=True).encode()
        except PydanticSerializationError:
            # A lone surrogate is no character of UTF-8. The SDK escapes it on this wire.
            return json.dumps(message.model_dump(mode="json", by_alias=True, exclude_none=True)).encode()

    def error(self, exc: Exception, method: str) -> ErrorData:
        """An exception of a handler is an internal error without its text, and logged."""
        del method
        return modern_error_data(exc)

    def status(self, message: JSONRPCResponse | JSONRPCError) -> int:
        """By the code of the error."""
        return ERROR_CODE_HTTP_STATUS.get(message.error.code, 200) if isinstance(message, JSONRPCError) else 200


class OlderWire:
    """2025-11-25 and before, without a session."""

    is_modern = False

    def notification(self, method: str, params: Mapping[str, Any] | None) -> JSONRPCNotification:
        """A notification; one without params has none on the wire, where everything that is set is written."""
        if params is None:
            return JSONRPCNotification(jsonrpc="2.0", method=method)
        return JSONRPCNotification(jsonrpc="2.0", method=method, params=dict(params))

    def encode(self, message: BaseModel) -> bytes:
        """A message as JSON, with all that is set."""
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()

    def error(self, exc: Exception, method: str) -> ErrorData:
        """An exception of a handler is code 0 with its text, as the SDK's dispatcher has it, and logged."""
        error = handler_exception_to_error_data(exc)
        if error is None:
            _log.error("handler for %r raised", method, exc_info=exc)
            error = ErrorData(code=0, message=str(exc))
        return error

    def status(self, message: JSONRPCResponse | JSONRPCError) -> int:
        """An error is an answer like any other."""
        del message
        return 200


MODERN: Final[Wire] = ModernWire()
OLDER: Final[Wire] = OlderWire()
