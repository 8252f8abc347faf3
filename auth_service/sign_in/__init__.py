"""Sign-in: the password form, the buttons of identity providers, their callback addresses, the start of the session.

Owns: the endpoint of the sign-in form, the check of a password, the delays that slow down guessing, the counts of
attempts in Redis, the endpoint that takes the responses of providers, the end of a sign-in of either kind.
Does not own: password hashes (users/), the protocols of providers (federation/), the redirect to a provider
(authorization/), sessions (sessions/), the rate limits of networks (rate_limits/).
Upholds invariants 8 (without Redis an attempt is answered with 503, never as a wrong password) and 13 (a response of a
provider counts in the browser that began the sign-in, once).
"""
