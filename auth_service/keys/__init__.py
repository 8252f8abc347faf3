"""Signing keys: the lifecycle (pure), the ring (sign, publish), the rotator (one winner across replicas)."""
