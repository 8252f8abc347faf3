"""Makes the client for a URL: one server, a primary behind Sentinels, or a cluster.

    redis://user:password@host:6379/0                  one server; rediss:// with TLS, unix:///path by socket
    redis+sentinel://user:password@s1:26379,s2:26379/service/0     the primary that the Sentinels report
    redis+cluster://user:password@n1:6379,n2:6379      a cluster; database 0 only

With TLS to the data servers: rediss+sentinel:// and rediss+cluster://. `?sentinel_password=…` is the password of the
Sentinels. Reserved characters are percent-encoded.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from shared.redis.address import parse_redis_url
from shared.redis.client import DEFAULT_TIMEOUT_SECONDS, RedisClient
from shared.redis.cluster import ClusterRedisClient
from shared.redis.sentinel import SentinelRedisClient
from shared.redis.single import SingleRedisClient

_SINGLE = ("redis", "rediss", "unix")


def open_redis_client(
    url: str, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS, connections: int = 64
) -> RedisClient:
    """Make the client for a URL; nothing is connected yet. Raises Misconfigured. `timeout_seconds` per command."""
    if urlsplit(url).scheme in _SINGLE:
        return SingleRedisClient(url, timeout_seconds=timeout_seconds, connections=connections)
    address = parse_redis_url(url)
    if address.topology == "sentinel":
        return SentinelRedisClient(address, timeout_seconds=timeout_seconds, connections=connections)
    return ClusterRedisClient(address, timeout_seconds=timeout_seconds, connections=connections)
