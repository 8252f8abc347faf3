"""The HTTP layer that both services share.

Owns: the server and its connections, the middlewares around each request (request id, translation of errors, one log
line, metrics, client address, CORS, tracing), the shield of state-changing requests, public documents and long polls,
the endpoints for health and metrics, and the start and graceful stop of a server.
Does not own: any endpoint of a protocol, or the form of an error response, which each service renders itself.
Upholds invariants 8 (a fault is 503) and 9 (an error has a public text, a private reason and a request id).

Reading order, from the socket to the answer:

- start and stop: serve, runner
- a connection and its requests: server, server_errors, mutation_shield
- bounds on connections, and streams that begin and end in turn: connections, paced_connections, stream_heads
- around each request: request_middleware, client_address, tracing, aiohttp_errors
- checks before a handler, and cross-origin access: application, media_type, refusal_delay
- kinds of answers: prepared_documents, long_polls, static_page, page_headers
- operation: health, probe
"""
