"""The connection to Redis or Valkey: one server, a primary behind Sentinels, or a cluster.

Owns: the client that repositories use, its topologies, the batching of scripts, the loading of Lua scripts, the check
whether the configuration of a server can lose data, and the certificates of a store.
Does not own: any Redis key; those belong to the repositories.
"""
