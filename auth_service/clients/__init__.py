"""Where a client comes from: registered by itself, pre-registered by the operator, or a metadata document.

Owns: the record, the directory that finds one by its id, the guarded fetch of documents.
Does not own: the rules for redirect URIs, metadata and authentication (protocol/), nor Redis keys (storage/).
"""
