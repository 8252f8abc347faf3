"""The MCP server behind the guard: an object of the mcp SDK in this process, a server over HTTP, or a command.

Owns: its endpoint, its start and stop, the calls to each kind of server, its open streams, what happens to its lists on
their way to the client, and the reading of a server for the commands.
Does not own: any decision about a request; the guard has made it.
"""
