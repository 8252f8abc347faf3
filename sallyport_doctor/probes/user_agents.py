"""Whether a firewall turns away what calls itself a client: the same document, asked for under other names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sallyport_doctor.asker import USER_AGENT

if TYPE_CHECKING:
    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange

AGENTS: Final = {
    "Claude-User": f"Claude-User ({USER_AGENT})",
    "python-httpx": f"python-httpx/0.28.1 ({USER_AGENT})",
    "aiohttp": f"Python/3.12 aiohttp/3.13.5 ({USER_AGENT})",
}
"""What hosted clients were seen to call themselves; the doctor always adds its own name."""


async def ask_as_clients(asker: Asker, address: str) -> dict[str, Exchange]:
    """GET one public document under each name."""
    return {name: await asker.get(address, headers={"User-Agent": agent}) for name, agent in AGENTS.items()}
