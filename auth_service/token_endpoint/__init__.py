"""POST /token: one handler for each grant type.

Owns: the endpoint with the steps that every grant type shares, the handlers, the scopes that a grant has today, the
token response, and the rule for refreshes beyond a rate limit.
Does not own: client authentication (clients/), the atomic steps on a grant (grants/), the claims of tokens (tokens/),
signing (keys/).
Upholds invariants 3 (validate everything, then consume once), 6 (a retry succeeds, a replay ends the grant), 8 (a fault
consumes nothing) and 15 (no scope that was taken away).
"""
