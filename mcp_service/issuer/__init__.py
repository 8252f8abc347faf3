"""Requests to the issuer, for the caches of what it publishes: its metadata, HTTP sessions, long polling, refreshes.

Owns: how the issuer is found and asked, and the comparison of its scopes with those of the scope map (ADR 0010).
Does not own: its keys (mcp_service/jwks) and status lists (mcp_service/status_lists).
"""
