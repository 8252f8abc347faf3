"""Rate limits of the endpoints.

Owns: the table of limits, the middleware in front of all endpoints, the counters in Redis.
Does not own: the arithmetic (shared/rates.py), the client address (shared/http/client_address.py), nor the delays
between sign-in attempts (sign_in/). A limit never ends a grant and never answers invalid_grant: the answer is 429 with
Retry-After (invariants 6, 8).
"""
