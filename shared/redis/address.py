"""The URLs of Sentinel and cluster deployments, which redis-py does not parse."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A parsed URL."""

    topology: str
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None
    service: str
    database: int
    sentinel_password: str | None


def parse_redis_url(url: str) -> RedisAddress:
    """Parse a redis+sentinel:// or redis+cluster:// URL. Raises Misconfigured, without the password."""
    parts = urlsplit(url)
    kind, _, topology = parts.scheme.partition("+")
    if kind not in {"redis", "rediss"} or topology not in {"sentinel", "cluster"}:
        raise Misconfigured(
            f"the store's URL begins with {parts.scheme}://; it may be redis, rediss, unix, "
            "or redis/rediss with +sentinel or +cluster"
        )
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    path = [unquote(p) for p in parts.path.split("/") if p]
    query = parse_qs(parts.query)
    if topology == "cluster" and path not in ([], ["0"]):
        raise Misconfigured("a cluster has database 0 only, and no service name")
    if topology == "sentinel" and not 1 <= len(path) <= 2:
        raise Misconfigured("a Sentinel URL names the service: redis+sentinel://host:26379/service")
    try:
        database = int(path[1]) if topology == "sentinel" and len(path) == 2 else 0
    except ValueError as exc:
        raise Misconfigured("the database is not a number") from exc
    return RedisAddress(
        topology=topology,
        tls=kind == "rediss",
        hosts=tuple(_host(host, 26379 if topology == "sentinel" else 6379) for host in hosts.split(",")),
        username=unquote(username) or None,
        password=unquote(password) or None,
        service=path[0] if topology == "sentinel" else "",
        database=database,
        sentinel_password=query.get("sentinel_password", [None])[0],
    )


def _host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise Misconfigured("a host of the store's URL is malformed") from exc
    if not host:
        raise Misconfigured("a host of the store's URL is missing")
    return host, port or default_port
