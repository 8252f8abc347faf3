"""The issuer's status lists (Token Status List draft): which access tokens are revoked (invariant 12, ADR 0012).

Owns: the feed of changes, the lists by their addresses, the rules for a list, the bits in memory, and when a list that
is not held is looked for.
Does not own: the use of a bit at each request (shared/access_tokens/verifier.py), nor the keys (mcp_service/jwks).
"""
