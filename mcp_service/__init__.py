"""The guard in front of an MCP server: verifies each token offline, then passes the request to the server behind it.

Owns: the caches of the issuer's keys (jwks/) and status lists (status_lists/), which ask it through issuer/; the checks
of a request (guard/); what the server behind learns about the caller (principal/); the connection to that server, in
this process or another (servers/); the requests that are forwarded to auth_service (forwarding/); the pages for
browsers (pages/); the protected resource metadata; the example tools (notes/).
Does not own: a secret or the Redis of auth_service; it knows only the issuer's URL and what the issuer publishes
(invariant 2).
"""
