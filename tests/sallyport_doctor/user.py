"""The user of a sign-in that the doctor starts: submits the forms, approves, and follows to the doctor's callback."""

import socket
import ssl

from aiohttp.abc import AbstractResolver, ResolveResult

from tests.support.user_agent import user_agent


class LoopbackResolver(AbstractResolver):
    """Resolves every name to this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """Holds no resources."""


async def sign_in_by_forms(
    address: str,
    *,
    username: str = "demo",
    password: str = "demo",
    loopback: bool = False,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Walk from an authorization URL to the client's callback; `loopback` resolves every name to this machine."""
    resolver = LoopbackResolver() if loopback else None
    async with user_agent(username, password, tls=tls, resolver=resolver) as user:
        page = await user.get(address)
        for _step in range(10):
            if page.onward is not None:
                page = await user.get(page.onward)
            elif page.forms:
                page = await user.fill_in(page)
            else:
                return


async def unresponsive_user(_address: str) -> None:
    """Never completes the sign-in."""
