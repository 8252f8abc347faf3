"""The code that both services share, and only that.

Owns: the access-token profile, the scope grammar, the rules for configured URLs and settings, errors, background tasks,
HTTP (http/), logs (logs/), Redis (redis/), rates (rates/), fetching of foreign URLs (fetch/) and JOSE (jose/).
Does not own: any rule of one service alone. Neither service imports the other; both import this package.
Upholds invariants 1 (configured URLs), 2 (the access-token profile) and 8 (a fault is never an error of the client).
"""
