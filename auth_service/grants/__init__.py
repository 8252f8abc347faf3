"""Grants: one user's authorization of one client for one resource, and the refresh family that belongs to it.

Owns: the grant record, its repository with the atomic steps (redeem a code, rotate a refresh token, end a grant), the
formats of authorization codes and refresh tokens, the limit of grants per client, and the removal of the access of
users who were suspended or removed.
Does not own: the decision that creates a grant (authorization/), the requests that use it (token_endpoint/).
Upholds invariants 3 (atomic steps with one winner), 4 (Redis holds hashes), 6 (a retry succeeds, a replay ends the
grant) and 12 (a grant and its entry in a status list end in one step).
"""
