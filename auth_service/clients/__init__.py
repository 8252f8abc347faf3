"""OAuth clients: dynamically registered, pre-registered by the operator, or described by a metadata document (CIMD).

Owns: the client record and its Redis keys, registration (RFC 7591, RFC 7592), client authentication, the resolver that
finds a client by its id, and the fetch of metadata documents and keys.
Does not own: the rules for redirect URIs (protocol/), nor grants.
"""
