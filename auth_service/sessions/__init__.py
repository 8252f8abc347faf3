"""Browser sessions: the cookies, and the records of signed-in users behind them.

Owns: the browser cookie and the CSRF values derived from it, the cookies of the session, of known browsers and of the
last provider, the notices after a redirect, the session records in Redis.
Does not own: authentication (sign_in/), users (users/), interactions (authorization/).
Upholds invariant 4: Redis holds hashes of the cookies' values.
"""
