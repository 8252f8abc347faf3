"""The handover of the principal of a request to the server behind the guard.

Owns: the headers and assertions that carry the principal, and the key that signs assertions. Does not own: the decision
whether the request may pass, nor the connection to the server. The access token itself is never passed on.
"""
