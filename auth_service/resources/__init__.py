"""The protected resources that tokens are issued for, and their scopes (RFC 8707).

Owns: the catalogue of resources, the scopes and claims that a user may have of a resource, the choice that a consent
form leaves, and the comparison with the scopes that each resource publishes (ADR 0010).
Does not own: the scope grammar and hierarchy (shared/scopes.py), the rules that an identity meets (federation/), the
scopes of a grant (grants/, token_endpoint/).
"""
