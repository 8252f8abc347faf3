"""A command behind the guard: an MCP server that speaks on its standard input and output.

Owns: its processes, from the start on demand to the end of every descendant; the correlation of messages, so that no
answer reaches another client; the translation between the outside protocol versions and the handshake of the command.
Does not own: any decision about a request, nor the wire to the client, which the mcp SDK serves.
"""
