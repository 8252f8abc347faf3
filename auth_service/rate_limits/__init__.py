"""How much is too much, and for whom.

Owns: the arithmetic of rates (GCRA), the table of limits, the delays between sign-in attempts, the guard in front of
the endpoints. Does not own: who the caller is (shared/http/client_address.py) nor the keys in the store
(storage/limits.py). A limit never ends a grant and never says invalid_grant: 429 with Retry-After (invariants 6, 8).
"""
