"""The pair on one's own machine: the embedded store and the launcher behind `make run`.

Owns: the supervisor of the embedded valkey-server, the launcher. Never part of a production image.
"""
