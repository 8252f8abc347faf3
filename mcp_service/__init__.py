"""The protected server: verifies every token by itself, then hands the call to the mcp SDK.

Owns: the key cache, the token verifier, the guard in front of /mcp, the example tools.
Does not own: any secret or store of auth_service; it knows only the issuer's URL (invariant 2).
"""
