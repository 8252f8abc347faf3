"""HTTP fetches of URLs supplied by untrusted parties.

Owns: the SSRF-safe client with its DNS look-ups, the freshness of responses, the cache of fetched documents.
Does not own: what a document means, nor for how long a stale copy may serve.
"""
