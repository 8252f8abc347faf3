"""The example server: per-user notes behind two scopes.

Owns: the tools, and the keys that begin with `notes:` in the store it is given.
Does not own: any check of a token or scope; the guard has done that before a tool runs.
"""
