"""Access tokens (RFC 9068): the profile that auth_service issues, and the verifier that both services use.

Owns: the rules for header and claims, the order of the checks, the cache of tokens that passed them.
Does not own: issuing (auth_service/tokens), nor the source of the keys (a VerificationKeyResolver).
"""
