"""Identity providers: sign-in with an account of another issuer (invariant 13).

Owns: the configuration of providers, the protocols (`oidc`, `github`, `external`), sign-ins in progress, the identity
that a provider asserts, and the rules for access and scopes. Does not own: the pages, sessions and the callback address
(auth_service/sign_in), nor user accounts (auth_service/users).
"""
