"""The audit log, and the error log behind `explain`.

Owns: the closed set of event names and fields, the queue between a request and Redis, both streams in Redis, the
troubleshooting text for each error id. Does not own: the log lines of requests (shared/http/request_middleware.py).
Writing never delays and never fails a request; entries that cannot be kept are counted. No field can hold a secret.
"""
