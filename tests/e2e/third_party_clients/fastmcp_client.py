"""FastMCP's own client, in an environment of its own: tells each step as a line of JSON."""

import asyncio
import json
import sys
import webbrowser

from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.memory import MemoryStore


def tell(**message):
    print(json.dumps(message), flush=True)


async def main(resource):
    # The browser is the test's: it is told the address, and lands at the client's own listener.
    webbrowser.open = lambda url, *_: tell(visit=url)
    memory = MemoryStore()

    async def use(step, tool, arguments):
        auth = OAuth(scopes="notes:read notes:write", token_storage=memory)
        async with Client(resource, auth=auth) as client:
            result = await client.call_tool(tool, arguments)
            registration = await auth.token_storage_adapter.get_client_info()
            tell(step=step, error=result.is_error, client_id=registration.client_id)
            return auth.token_storage_adapter

    await use("first", "add_note", {"text": "from FastMCP"})
    adapter = await use("again", "list_notes", {})
    # The test ends the registration; the client still has it, and no tokens.
    await asyncio.to_thread(sys.stdin.readline)
    registration = await adapter.get_client_info()
    await adapter.clear()
    await adapter.set_client_info(registration)
    await use("anew", "list_notes", {})
    tell(step="done")


asyncio.run(main(sys.argv[1]))
