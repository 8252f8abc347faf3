"""Signing keys: life cycle, rotation, propagation, and the JWKS endpoint.

Owns: the pure life cycle, the stored ring and its reconciliation, each process's copy that signs and is published, the
rotation, the versions that verifiers report. Does not own: the claims of tokens (tokens/), the encryption of private
keys (encryption.py).
Upholds invariants 3, 4 and 5.
"""
