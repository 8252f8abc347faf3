"""Sign-in with user name and password.

Owns: the endpoint of the sign-in form, the check of a password, the delays that slow down guessing, and the counts of
attempts in Redis.
Does not own: password hashes (users/), sessions (sessions/), the rate limits of networks (rate_limits/).
Upholds invariant 8: without Redis an attempt is answered with 503, never as a wrong password.
"""
