"""The authorization server: asks the person, then issues signed tokens that others verify by themselves.

Owns: users, clients, grants, signing keys, the pages. `app.py` is the only place that builds objects.
Does not own: the protected tools; it never sees a tool call.
"""
