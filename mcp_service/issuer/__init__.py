"""What the guard's caches of the issuer share: its metadata, HTTP sessions, long polling, and the loop that refreshes.

Owns: how the issuer is found and asked. Does not own: any document of the issuer (mcp_service/jwks,
mcp_service/status_lists).
"""
