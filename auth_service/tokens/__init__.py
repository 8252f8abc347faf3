"""Access tokens (RFC 9068) and ID tokens (OpenID Connect Core section 2).

Owns: their issuing, their claims, and the reading of an `id_token_hint`.
Does not own: the profile that verifiers check (shared/access_tokens/), signing (keys/), refresh tokens and
authorization codes (grants/).
"""
