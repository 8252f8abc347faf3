"""JOSE primitives, one of each: base64url, strict JSON, compact JWS, the algorithm table, public keys.

Owns: the form of tokens, documents and keys from outside, and signatures. The cryptography is joserfc's.
Does not own: the claims of any profile (shared/access_tokens, client assertions), nor the life and storage of
private keys (auth_service/keys, mcp_service/principal).
"""
