"""The issuer's JWKS: discovery, fetching, the rules for a document, and the cache with its refresh policy.

Owns: when to ask, which answer to believe, and how long the keys are trusted without confirmation.
Does not own: the key and its algorithm (shared/jose), nor any decision about a token.
"""
