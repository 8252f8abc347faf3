"""What a server behind the guard learns about the caller of a request.

Owns: the headers and assertions that carry the principal, and the key that signs assertions. Does not own: the decision
whether the request may pass, nor the connection to the server. The access token itself is never passed on.
"""
