"""The authorization endpoint and consent.

Owns: GET /authorize with its ordered checks, the interaction with its repository, the consent page's endpoint, and the
decision that creates a grant.
Does not own: sign-in (sign_in/), redirect URI rules (protocol/), the grant after its creation (grants/), templates
(pages/).
Upholds invariants 3 (one decision for an interaction) and 7 (the user sees the redirect's host and always decides).
"""
