"""Browser sessions: the cookies, and the records of signed-in users behind them.

Owns: the browser cookie and the CSRF values derived from it, the session cookie, the session records in Redis.
Does not own: authentication (sign_in/), users (users/), interactions (authorization/).
Upholds invariant 4: Redis holds hashes of the cookies' values.
"""
