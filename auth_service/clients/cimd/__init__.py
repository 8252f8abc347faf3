"""Client ID metadata documents (CIMD).

Owns: the rules for their URLs and contents, the bundled copies, the stored copies, the resolver. Does not own: the
fetch and its cache (shared/fetch/), the client record (clients/client.py).
"""
