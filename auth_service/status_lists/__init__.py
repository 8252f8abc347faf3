"""Status lists (Token Status List draft): revocation that offline verifiers see (docs/revocation.md, ADR 0012).

Owns: which lists exist, their published form, and the change feed. Does not own: a grant's index in its list and the
ending of a grant, which are one atomic step in the slot of the list (auth_service/grants).
"""
