"""The guard: the decision whether a request may reach the MCP server.

Owns: the ordered checks of origin, token, rate limits, message and scopes, the scope map, the filter of lists, and the
form of every error.
Does not own: the token rules (shared/access_tokens), the source of the keys (jwks), the MCP server behind it (servers).
"""
