"""FastMCP's client, 2.x and 4.x, with its tokens in files: a second process goes on with what the first stored.

Started in an environment of its own: `restarted_fastmcp_client.py RESOURCE DIRECTORY first|again`. Tells each step as
JSON.
"""

import asyncio
import json
import sys
import webbrowser
from pathlib import Path

from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.filetree import (
    FileTreeStore,
    FileTreeV1CollectionSanitizationStrategy,
    FileTreeV1KeySanitizationStrategy,
)


def tell(**message):
    print(json.dumps(message), flush=True)


async def main(resource, directory, phase):
    # The browser is the test's: it is told the address, and lands at the client's own listener.
    webbrowser.open = lambda url, *_: tell(visit=url)
    files = FileTreeStore(
        data_directory=directory,
        key_sanitization_strategy=FileTreeV1KeySanitizationStrategy(Path(directory)),
        collection_sanitization_strategy=FileTreeV1CollectionSanitizationStrategy(Path(directory)),
    )
    auth = OAuth(resource, scopes="notes:read notes:write", token_storage=files)
    async with Client(resource, auth=auth) as client:
        await client.call_tool("whoami", {})
        tell(step=phase)
        if phase == "again":
            stored = (await auth.token_storage_adapter.get_tokens()).access_token
            # Version 2 counts the lifetime from the restart on.
            await asyncio.sleep(62)
            await client.call_tool("whoami", {})
            tell(step="renewed", another=(await auth.token_storage_adapter.get_tokens()).access_token != stored)
    tell(step="done")


asyncio.run(main(*sys.argv[1:]))
