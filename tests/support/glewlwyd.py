"""Glewlwyd, an OpenID provider in C (Debian package `glewlwyd`), on a loopback address with a database of its own.

It is configured as an administrator does it, by its API. Its login page is a program of the browser: what that program
asks the API for is asked for here.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sqlite3
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from tests.support.free_ports import free_port
from tests.support.local_issuer import new_key
from tests.support.oauth import redirect_parameters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

SCHEMA: Final = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
MODULES: Final = "/usr/lib/glewlwyd"
ADMINISTRATOR: Final = {"username": "admin", "password": "password"}
"""Of a new database."""


def has_glewlwyd() -> bool:
    """Whether it is installed."""
    return shutil.which("glewlwyd") is not None and SCHEMA.exists()


class Glewlwyd:
    """The server, and one confidential client of it."""

    client_id = "sallyport"
    client_secret = "a-client-secret-of-forty-characters-or-so"

    def __init__(self, directory: Path) -> None:
        """`directory` is empty, and of the caller."""
        self.redirect_uris: list[str] = []
        """Of the client; set before the start."""
        self._port = free_port(("127.0.0.1",))
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self.root = f"http://localhost:{self._port}"
        self.issuer = f"{self.root}/api/oidc"

    async def start(self) -> None:
        """Start it, and wait until a user can sign in."""
        database = sqlite3.connect(self._directory / "glewlwyd.db")
        database.executescript(SCHEMA.read_text(encoding="utf-8"))
        database.close()
        configuration = self._directory / "glewlwyd.conf"
        configuration.write_text(self._configuration(), encoding="utf-8")
        with (self._directory / "glewlwyd.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "glewlwyd", f"--config-file={configuration}", stdout=log, stderr=log
            )
        async with asyncio.timeout(30):
            while not await self._listens():
                assert self._process.returncode is None, (self._directory / "glewlwyd.log").read_text()
                await asyncio.sleep(0.05)
        async with self._administration() as call:
            users = await call("GET", "mod/user/database")
            users["parameters"]["data-format"]["groups"] = {"multiple": True, "read": True, "write": True}
            await call("PUT", "mod/user/database", users)
            await call("PUT", "mod/user/database/reset")
            await call("POST", "mod/plugin/", self._plugin())
            await call("POST", "client/", self._client())

    async def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()

    async def add_user(self, name: str, *, groups: Sequence[str] = ()) -> None:
        """Add a user with an address, which Glewlwyd verifies no more than any other property."""
        async with self._administration() as call:
            await call("POST", "user/", self._user(name, groups) | {"password": password_of(name)})

    async def change_groups(self, name: str, groups: Sequence[str]) -> None:
        """Put a user into these groups, and no others."""
        async with self._administration() as call:
            await call("PUT", f"user/{name}", self._user(name, groups))

    async def replace_key(self) -> None:
        """Sign with a new key from now on, and publish no other."""
        async with self._administration() as call:
            await call("PUT", "mod/plugin/oidc", self._plugin())
            await call("PUT", "mod/plugin/oidc/reset")

    async def _listens(self) -> bool:
        with suppress(OSError):
            _reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.close()
            await writer.wait_closed()
            return True
        return False

    @asynccontextmanager
    async def _administration(self) -> AsyncIterator[Any]:
        async with aiohttp.ClientSession(f"{self.root}/api/") as http:

            async def call(method: str, path: str, body: object = None) -> Any:
                async with http.request(method, path, json=body) as response:
                    text = await response.text()
                    assert response.status == 200, f"{method} {path}: {response.status} {text}"
                    return json.loads(text) if text else None

            await call("POST", "auth/", ADMINISTRATOR)
            yield call

    def _configuration(self) -> str:
        return f"""
port={self._port}
bind_address="127.0.0.1"
external_url="{self.root}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="INFO"
cookie_domain="localhost"
cookie_secure=0
hash_algorithm="SHA512"
user_module_path="{MODULES}/user"
user_middleware_module_path="{MODULES}/user_middleware"
client_module_path="{MODULES}/client"
user_auth_scheme_module_path="{MODULES}/scheme"
plugin_module_path="{MODULES}/plugin"
database = {{ type = "sqlite3" path = "{self._directory}/glewlwyd.db" }}
"""

    def _plugin(self) -> dict[str, Any]:
        key = new_key(secrets.token_hex(8))
        lifetimes = ("access-token-duration", "refresh-token-duration", "code-duration")
        off = (
            *("refresh-token-rolling", "allow-non-oidc", "pkce-method-plain-allowed"),
            *(f"auth-type-{name}-enabled" for name in ("none", "token", "password", "client", "refresh")),
        )
        on = (
            *("jwks-show", "pkce-allowed", "pkce-required", "oauth-as-iss-id"),
            *(f"auth-type-{name}-enabled" for name in ("code", "id-token")),
        )
        return {
            "module": "oidc",
            "name": "oidc",
            "display_name": "OpenID Connect",
            "parameters": {
                "iss": self.issuer,
                "jwks-private": json.dumps({"keys": [key.as_dict(private=True)]}),
                "jwt-type": "rsa",
                "jwt-key-size": "256",
                "subject-type": "public",
                "name-claim": "mandatory",
                "email-claim": "mandatory",
                "claims": [{"name": "groups", "user-property": "groups", "mandatory": True, "scope": []}],
                **dict.fromkeys(lifetimes, 600),
                **dict.fromkeys(off, False),
                **dict.fromkeys(on, True),
            },
        }

    def _client(self) -> dict[str, Any]:
        return {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "confidential": True,
            "enabled": True,
            "redirect_uri": self.redirect_uris,
            "authorization_type": ["code"],
            "scope": [],
            "token_endpoint_auth_method": ["client_secret_basic"],
        }

    def _user(self, name: str, groups: Sequence[str]) -> dict[str, Any]:
        return {
            "username": name,
            "name": name.title(),
            "email": f"{name}@example.com",
            "enabled": True,
            "scope": ["openid", "g_profile"],
            "groups": list(groups),
        }


def password_of(name: str) -> str:
    """The password of a user of Glewlwyd."""
    return f"the password of {name}"


class GlewlwydBrowser:
    """A browser with the session of one user at Glewlwyd, if it has signed in there before."""

    def __init__(self, http: aiohttp.ClientSession, server: Glewlwyd, name: str) -> None:
        self._http = http
        self._server = server
        self._name = name
        self.callback: str | None = None
        """The address, with its parameters, to which it was sent back last."""
        self.passwords_typed = 0

    async def authorize(self, authorization_url: str) -> dict[str, str]:
        """Sign in where asked to, and approve; the parameters of the callback."""
        login = await self._location(URL(authorization_url, encoded=True))
        assert str(login).startswith(f"{self._server.root}/login.html"), login
        api, query = f"{self._server.root}/api/auth", login.query
        async with self._http.get(f"{api}/grant/{query['client_id']}/{query['scope']}") as response:
            remembered = response.status == 200
        if not remembered:
            self.passwords_typed += 1
            await self._send("POST", f"{api}/", {"username": self._name, "password": password_of(self._name)})
            await self._send("PUT", f"{api}/grant/{query['client_id']}", {"scope": "openid"})
        callback = await self._location(URL(query["callback_url"]).update_query(g_continue=""))
        self.callback = str(callback)
        return redirect_parameters(self.callback)

    async def _send(self, method: str, url: str, body: dict[str, str]) -> None:
        async with self._http.request(method, url, json=body) as response:
            assert response.status == 200, f"{method} {url}: {response.status}"

    async def _location(self, url: URL) -> URL:
        async with self._http.get(url, allow_redirects=False) as response:
            assert response.status == 302, await response.text()
            return URL(response.headers["Location"])


@asynccontextmanager
async def glewlwyd_browser(server: Glewlwyd, name: str) -> AsyncIterator[GlewlwydBrowser]:
    """A browser without a session."""
    async with aiohttp.ClientSession() as http:
        yield GlewlwydBrowser(http, server, name)
