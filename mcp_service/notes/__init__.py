"""The example server: notes of each user behind two scopes.

Owns: the tools, and the Redis keys that begin with `notes:`.
Does not own: any check of token or scope; the guard has made it before a tool runs.
"""
