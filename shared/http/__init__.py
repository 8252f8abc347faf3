"""The plumbing that every HTTP endpoint of both services stands on.

Owns: the envelope around each request (request_id, translation of refusals, one log line, one metric),
health and metrics endpoints, CORS, and the start and graceful stop of a server.
Does not own: any endpoint of the protocol.
"""
