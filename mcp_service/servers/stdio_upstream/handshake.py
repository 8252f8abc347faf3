"""The description of a process in its answer to `initialize`, checked once and kept for every later client. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

INITIALIZE: Final[Mapping[str, Any]] = {
    "protocolVersion": LATEST_HANDSHAKE_VERSION,
    # Nothing is offered that would let the process ask a client for something.
    "capabilities": {},
    "clientInfo": {"name": "sallyport", "version": "1"},
}

_PASSED_ON: Final = ("tools", "resources", "prompts", "completions", "experimental", "extensions")
"""Not `logging`, whose level is one per process, nor `tasks`, whose ids are the process's."""


class BadHandshake(Exception):
    """The process is no MCP server that can be served. The text is for the log."""


@dataclass(frozen=True, slots=True)
class ServerDescription:
    """The parts of an InitializeResult that clients are told."""

    info: Mapping[str, Any]
    capabilities: Mapping[str, Any]
    instructions: str | None

    @property
    def notifies_of_resources(self) -> bool:
        """Whether the process accepts `resources/subscribe`."""
        resources = self.capabilities.get("resources")
        return isinstance(resources, dict) and resources.get("subscribe") is True

    def capabilities_without_streams(self) -> dict[str, Any]:
        """The capabilities for clients of the older protocol: without a session no notification reaches them."""
        return {
            name: {k: v for k, v in value.items() if k not in {"listChanged", "subscribe"}}
            if name in {"tools", "resources", "prompts"}
            else value
            for name, value in self.capabilities.items()
        }


def read_description(result: Mapping[str, Any]) -> ServerDescription:
    """Check an InitializeResult. Raises BadHandshake."""
    version, info = result.get("protocolVersion"), result.get("serverInfo")
    capabilities, instructions = result.get("capabilities"), result.get("instructions")
    if version not in HANDSHAKE_PROTOCOL_VERSIONS:
        raise BadHandshake(f"the protocol version {version!r:.40} is none that is spoken here")
    if not isinstance(info, dict) or not isinstance(info.get("name"), str):
        raise BadHandshake("serverInfo has no name")
    if not isinstance(capabilities, dict):
        raise BadHandshake("capabilities is no object")
    passed_on = {name: capabilities[name] for name in _PASSED_ON if isinstance(capabilities.get(name), dict)}
    info = {"version": "", **info}
    return ServerDescription(info, passed_on, instructions if isinstance(instructions, str) else None)
