"""Identity providers: sign-in with an account of another issuer (invariant 13).

Owns: the configuration of providers, the protocols (`oidc`, `github`, `external`), sign-ins in progress, the identity
that a provider asserts, the account that it gets, the rules for access and scopes, and whether they still admit the
identity of a grant. Does not own: pages, sessions and the callback address (auth_service/sign_in), nor the records of
users (auth_service/users).
"""
