"""The HTTP side of auth_service that all its endpoints share.

Owns: reading of request bodies, responses that no cache may store, the rendering of errors, the service's URLs, the
readiness checks, and the comparison of its clock with that of Redis.
Does not own: any endpoint; what a page looks like (pages/); the middlewares (shared/http).
Upholds invariants 1 (URLs come from the configured issuer only) and 9 (errors are rendered in one place).
"""
