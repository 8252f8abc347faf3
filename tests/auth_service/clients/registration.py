"""The registration endpoint alone, over HTTP, on a real store: for the tests of this directory."""

from typing import Any

import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient
from prometheus_client import CollectorRegistry

from auth_service.clients.registration import RegistrationService
from auth_service.clients.registration_endpoint import RegisterEndpoint
from auth_service.clients.repository import ClientRepository
from auth_service.clients.resolver import ClientResolver
from auth_service.protocol.redirect_uri import KNOWN_REDIRECT_SCHEMES
from shared.http.application import Cors, add_cors
from shared.http.request_middleware import RequestMetrics, request_middleware
from tests.support.service_server import ServiceServer

ISSUER = "https://auth.example"
DAY = 86_400
SCOPES = frozenset({"notes:read", "notes:write", "openid"})


class Unlimited:
    """No limits: they have tests of their own (tests/auth_service/rate_limits/test_limits.py)."""

    def is_shared_network(self, address):
        return False

    async def check_registration(self, redirect_hosts, address):
        pass


class RunningRegistration:
    """What a test needs of the service: the HTTP client and the objects behind it."""

    def __init__(self, store):
        self.events = []
        self.clients = ClientRepository(store)
        no_cimd: Any = None
        audit: Any = self
        self.resolver = ClientResolver(self.clients, cimd=no_cimd, registration_ttl_seconds=90 * DAY)
        registrations = RegistrationService(
            repository=self.clients,
            resolver=self.resolver,
            audit=audit,
            redirect_schemes=KNOWN_REDIRECT_SCHEMES,
            unused_ttl_seconds=DAY,
        )
        surround = request_middleware(
            render=_as_json, log=structlog.get_logger(), metrics=RequestMetrics(CollectorRegistry())
        )
        app = web.Application(middlewares=[surround])
        add_cors(app, {"/register": Cors("POST, OPTIONS")})
        endpoint = RegisterEndpoint(registrations=registrations, limits=Unlimited(), issuer=ISSUER, grantable=SCOPES)
        app.add_routes(
            [
                web.post("/register", endpoint.register),
                web.get("/register/{client_id}", endpoint.read, allow_head=False),
                web.put("/register/{client_id}", endpoint.update),
                web.delete("/register/{client_id}", endpoint.delete),
            ]
        )
        self.http = TestClient(ServiceServer(app))

    def record(self, event, **fields):
        """The audit log's one method."""
        self.events.append((event, fields))

    async def __aenter__(self):
        await self.http.start_server()
        return self

    async def __aexit__(self, *_):
        await self.http.close()

    async def register(self, body, *, status=201):
        async with self.http.post("/register", json=body) as response:
            assert response.status == status, await response.text()
            return await response.json()


def _as_json(_request, error, request_id):
    body = {"error": error.code, "error_description": error.public, "request_id": request_id}
    return web.json_response(body, status=error.status, headers=error.headers)
