"""Shared by the caches of what the issuer publishes: its metadata, HTTP sessions, long polling, the refresh loop.

Owns: how the issuer is found and asked. Does not own: any document of the issuer (mcp_service/jwks,
mcp_service/status_lists).
"""
