"""The guard in front of a server that answers as a test chooses."""

import pytest

from tests.mcp_service.conftest import LEGACY, modern, rpc
from tests.support.raw_upstream import RawUpstream

__all__ = ["LEGACY", "modern", "rpc"]


@pytest.fixture
async def upstream():
    raw = RawUpstream()
    await raw.start()
    yield raw
    await raw.stop()


@pytest.fixture
async def make_guard(make_service, upstream):
    """Start the guard in front of `upstream`; keyword arguments are settings."""

    async def make(**changes):
        return await make_service(**{"upstream": upstream.url, **changes})

    return make


@pytest.fixture
async def guard(make_guard):
    return await make_guard()


class Caller:
    """Sends messages with a token of its own."""

    def __init__(self, service, **claims):
        self.service = service
        self.credential = service.auth(**{"scope": "mcp:tools", **claims})

    def post(self, body, headers=None, **options):
        return self.service.session.post(
            self.service.url, json=body, headers={**LEGACY, **self.credential, **(headers or {})}, **options
        )

    def call(self, tool="a", *, wire="legacy", headers=None, request_id=1):
        if wire == "legacy":
            return self.post(rpc("tools/call", {"name": tool, "arguments": {}}, request_id=request_id), headers)
        body, modern_headers = modern("tools/call", {"name": tool, "arguments": {}}, request_id=request_id)
        return self.post(body, {**modern_headers, **(headers or {})})

    def get(self, headers=None):
        return self.service.session.get(self.service.url, headers={**LEGACY, **self.credential, **(headers or {})})

    def delete(self, headers=None):
        return self.service.session.delete(self.service.url, headers={**LEGACY, **self.credential, **(headers or {})})


@pytest.fixture
def caller(guard):
    return Caller(guard)
