"""The connection to Redis or Valkey: one server, a primary behind Sentinels, or a cluster.

Owns: the client that repositories use, its topologies, the batching of scripts, the loading of Lua scripts.
Does not own: any Redis key; those belong to the repositories.
"""
