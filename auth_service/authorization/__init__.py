"""The authorization endpoint and consent.

Owns: /authorize with its ordered checks, the interaction (encrypted in a page, or stored), the pages of an interaction,
the redirect to an identity provider, the consent endpoint, and the decision that creates a grant.
Does not own: sign-in (sign_in/), redirect URI rules (protocol/), the grant after its creation (grants/), templates
(pages/).
Upholds invariants 3 (one decision for an interaction) and 7 (the user sees the redirect's host and always decides).
"""
