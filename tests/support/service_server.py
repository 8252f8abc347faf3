"""An application on a free port of this machine, served as the services serve it."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestServer

from shared.http.runner import ServiceRunner


class ServiceServer(TestServer):
    """A test server with the bounds, deadlines and answers of shared.http.server."""

    __test__ = False

    async def _make_runner(self, **_options: Any) -> ServiceRunner:
        return ServiceRunner(self.app)
