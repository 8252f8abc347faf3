"""The code that both services use, or would implement twice.

Owns: the access-token profile, the scope grammar, the rules for configured URLs and settings, errors, background tasks,
HTTP (http/), logs (logs/), Redis (redis/), rate arithmetic (rates.py), fetching of foreign URLs (fetch/), JOSE (jose/).
Some modules have one service as their caller and are here beside what they build upon: fetch/document_cache.py,
`LongPolls` of http/long_polls.py and redis/durability.py (auth_service), http/paced_connections.py with turn_limiter.py
(mcp_service). http/probe.py and redis/certificate.py are commands of the deployments.
Does not own: any rule of one service alone. Neither service imports the other; both import this package.
Upholds invariants 1 (configured URLs), 2 (the access-token profile) and 8 (a fault is never an error of the client).
"""
