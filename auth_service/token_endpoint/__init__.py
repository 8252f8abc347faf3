"""POST /token: one handler for each grant type.

Owns: the endpoint with the steps that every grant type shares, the handlers, the token response.
Does not own: client authentication (clients/), the atomic steps on a grant (grants/), signing (tokens/, keys/).
Upholds invariants 3 (validate everything, then consume once), 6 (a retry succeeds, a replay ends the grant) and 8 (a
fault consumes nothing).
"""
