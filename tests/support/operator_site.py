"""An operator's site: the page of examples/external_sign_in, and a backend that signs for its session's user."""

from __future__ import annotations

import json
from typing import Any, Self

from aiohttp import web
from joserfc.jwk import ECKey

from devstack.service_process import REPOSITORY
from examples.external_sign_in.assertion import sign_assertion
from examples.external_sign_in.new_key import new_key
from tests.support.free_ports import free_port

PAGE = (REPOSITORY / "examples" / "external_sign_in" / "page.html").read_text(encoding="utf-8")
ADDRESS = "https://auth.example.com"
"""Of Sallyport, in the page of the example."""


class OperatorSite:
    """Use as an async context manager, once `sallyport` is known: the origin to which the page posts."""

    def __init__(self, *, issuer: str, sallyport: str = "", audience: str = "") -> None:
        """`issuer` is that of the assertions; the audience is the origin of Sallyport unless it is given."""
        self.issuer = issuer
        self.sallyport = sallyport
        self.audience = audience
        self.signed_in = True
        self.bodies: list[dict[str, object]] = []
        """Bodies that the page sent to the backend."""
        self.port = free_port(("127.0.0.1",))
        self.url = f"http://127.0.0.1:{self.port}"
        private, public = new_key()
        self.public: dict[str, Any] = json.loads(public)
        self._key = ECKey.import_key(json.loads(private))

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/sign-in/mcp", self._show),
                web.get("/sign-in/sign-in-sdk.js", self._sdk),
                web.post("/api/mcp-sign-in", self._sign),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE.replace(ADDRESS, self.sallyport), content_type="text/html")

    async def _sdk(self, _: web.Request) -> web.Response:
        script = "export const accessToken = async ({ anew }) => (anew ? 'anew' : 'token-of-the-sdk');"
        return web.Response(text=script, content_type="text/javascript")

    async def _sign(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json() | {"authorization": request.headers["Authorization"]})
        if not self.signed_in:
            return web.json_response({"error": "not signed in"}, status=401)
        nonce = str(self.bodies[-1]["nonce"])
        audience = self.audience or self.sallyport
        assertion = sign_assertion("user-1", nonce, key=self._key, issuer=self.issuer, audience=audience)
        return web.json_response({"assertion": assertion})
