"""Sign-in on a page of the operator, whose backend signs an assertion for this server.

Owns: the redirect to the page, the checks of an assertion and of a session token, the record of used session tokens.
Does not own: the sign-in in progress (federation/pending_repository.py), nor the page.
"""
