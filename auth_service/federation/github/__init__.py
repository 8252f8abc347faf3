"""GitHub: OAuth 2 without ID tokens; the identity comes from its user API.

Owns: the requests to GitHub, and every check of its responses. Does not own: who may sign in
(federation/access_rules.py).
"""
