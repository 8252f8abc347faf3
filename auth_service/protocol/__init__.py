"""The pure vocabulary of the protocol: functions and records without I/O, used by every other package.

Owns: the OAuth errors, request parameters, PKCE, the rules for redirect URIs, opaque secrets and MACs.
Does not own: client metadata and client authentication (clients/), scopes and resources (resources/), the formats of
codes and refresh tokens (grants/).
Upholds invariants 4 (secrets are stored as hashes) and 7 (S256 only, exact redirect URIs).
"""
