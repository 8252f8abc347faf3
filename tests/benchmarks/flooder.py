"""Asks one address of auth_service as fast as it is answered, on so many connections, until it is ended."""

from __future__ import annotations

import asyncio
import sys

import aiohttp


async def flood(url: str, address: str, connections: int) -> None:
    """Never returns."""
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers={"X-Forwarded-For": address}) as session:

        async def ask() -> None:
            refused = False
            while True:
                async with session.get(url) as response:
                    await response.read()
                    if response.status == 429 and not refused:
                        refused = True
                        print("refused", flush=True)

        await asyncio.gather(*(ask() for _ in range(connections)))


if __name__ == "__main__":
    asyncio.run(flood(sys.argv[1], sys.argv[2], int(sys.argv[3])))
