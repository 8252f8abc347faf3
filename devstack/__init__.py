"""Both services on one machine, for `make run` and for tests. Not part of a production image.

Owns: the embedded valkey-server, the launcher, the demo user and its tokens, the gateway for a tunnel, backup and
restore of the data; and what `make` generates: `.env.example`, the template of translations, pinned requirements.
"""
