"""The HTTP layer that both services share.

Owns: the middlewares around each request (request id, translation of errors, one log line, metrics, client address,
CORS, tracing, the shield of state-changing requests), the endpoints for health and metrics, and the start and graceful
stop of a server.
Does not own: any endpoint of a protocol, or the form of an error response, which each service renders itself.
Upholds invariants 8 (a fault is 503) and 9 (an error has a public text, a private reason and a request id).
"""
