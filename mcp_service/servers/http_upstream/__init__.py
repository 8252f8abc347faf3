"""An MCP server behind the guard that is reached over HTTP: Streamable HTTP of any revision, passed on as it is.

Owns: the connection to the server, which headers pass in either direction, the binding of sessions to principals, and
the errors of a server that fails. Does not own: any decision about a request; the guard has made it. Nothing of a
message is translated. The threats are listed in docs/upstream-threats.md.
"""
