"""The protected MCP server: loading it, mounting it behind the guard, and its life.

Owns: the bridge from aiohttp to the mcp SDK, and the scopes that `tools/list` announces.
Does not own: any decision about a request; the guard has made it.
"""
