"""Registration and sign-in. Owns: dynamic registration, the authorization code flow, the examination of a token.

Does not own: any rule; the results are frozen records for the rules. Registered clients are deleted where the server
supports it, refresh tokens are revoked, and no credential outlives the run.
"""
