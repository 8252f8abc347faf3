"""The protected server: verifies each token offline, then passes the request to the MCP server behind it.

Owns: the JWKS cache, the guard in front of the MCP endpoint, the example tools.
Does not own: a secret or the Redis of auth_service; it knows only the issuer's URL (invariant 2).
"""
