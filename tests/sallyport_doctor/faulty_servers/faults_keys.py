"""Servers with a faulty JWKS."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.flow import signing_key
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer, faulty


@faulty("key-set-unreachable")
class KeySetMissing(HealthyServer):
    def missing_routes(self):
        return {("GET", "/jwks.json")}


@faulty("key-set-malformed")
class KeySetIsPage(HealthyServer):
    async def answer_key_set(self, request):
        return web.Response(text="<!doctype html>", content_type="text/html")


@faulty("key-set-malformed")
class KeySetIsOneKey(HealthyServer):
    def key_set(self):
        return super().key_set()["keys"][0]


@faulty("key-set-empty")
class NoKeys(HealthyServer):
    def key_set(self):
        return {"keys": []}


@faulty("key-set-redirected")
class KeySetRedirected(HealthyServer):
    async def answer_key_set(self, request):
        if "final" not in request.query:
            return web.Response(status=302, headers={"Location": "/jwks.json?final"})
        return await super().answer_key_set(request)


class KeyWith(HealthyServer):
    """Base class: the published key is changed."""

    changes: Mapping[str, Any] = MappingProxyType({})

    def key_set(self):
        merged = super().key_set()["keys"][0] | self.changes
        return {"keys": [{name: value for name, value in merged.items() if value is not None}]}


@faulty("key-without-kid")
class NamelessKey(KeyWith):
    changes = MappingProxyType({"kid": None})


@faulty("key-kid-duplicate")
class Twins(HealthyServer):
    def key_set(self):
        return {"keys": super().key_set()["keys"] * 2}


@faulty("key-private-published")
class PrivateKeyPublished(HealthyServer):
    def key_set(self):
        return {"keys": [signing_key().as_dict(private=True)]}


@faulty("key-symmetric")
class SecretPublished(HealthyServer):
    def key_set(self):
        return {"keys": [{"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}]}


@faulty("key-weak")
class ShortKey(HealthyServer):
    def key_set(self):
        return {"keys": [{"kty": "RSA", "kid": "short", "e": "AQAB", "n": "v" * 172}]}


@faulty("key-incomplete")
class HalfAKey(KeyWith):
    changes = MappingProxyType({"y": None})


@faulty("key-incomplete")
class StrangeKey(KeyWith):
    changes = MappingProxyType({"kty": "XYZ"})


class Headers(HealthyServer):
    """Base class: the JWKS response has other headers."""

    headers: Mapping[str, str] = MappingProxyType({})

    async def answer_key_set(self, request):
        return web.json_response(self.key_set(), headers=self.headers)


@faulty("key-set-not-cacheable")
class NeverCached(Headers):
    headers = MappingProxyType({"Cache-Control": "no-store"})


@faulty("key-set-cached-too-long")
class CachedForAWeek(Headers):
    headers = MappingProxyType({"Cache-Control": "max-age=604800"})


@faulty("key-set-old")
class OldKeys(Headers):
    headers = MappingProxyType({"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})
