"""Sign-in with OpenID Connect (Core 1.0, Discovery 1.0): discovery, code flow, ID token, the claims of known providers.

Owns: the requests to a provider and every check of its answers; the presets. Does not own: the sign-in in progress
(federation/pending_repository.py), nor who may sign in (federation/access_rules.py).

The rules are tables of small functions, each of which stands for one check: `METADATA_CHECKS`, `RESPONSE_CHECKS`,
`HEADER_CHECKS`, `CLAIMS_CHECKS`. The tests take a check out of its table: exactly its attack then succeeds.
"""
