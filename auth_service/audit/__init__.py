"""What happened, for those who have to answer for it: the audit log and the log of refusals.

Owns: the closed set of event names and fields, the queue between a request and the store, the advice for each check.
Does not own: the streams in the store (storage/audit.py), nor the log lines of requests
(shared/http/request_middleware.py).
Writing never delays and never fails a request; what could not be kept is counted. No field can hold a secret.
"""
