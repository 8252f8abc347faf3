"""Both services on one machine, for `make run` and for tests. Not part of a production image.

Owns: the embedded valkey-server, the launcher, backup and restore of its data, the generated `.env.example`.
"""
