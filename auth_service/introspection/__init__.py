"""Endpoints that take a token of this server: introspection, revocation and UserInfo.

Owns: the recognition of live tokens, and the three endpoints.
Does not own: the end of a grant (grants/), the rules for claims (shared/access_tokens/), user records (users/).
Upholds invariants 8 (a fault is 503, never "not active") and 9 (a response discloses nothing about foreign tokens).
"""
