"""GitHub's endpoints for signing in, as documented: the code flow of an OAuth app, and the user API.

Errors of the token request have status 200; scopes are separated by commas; lists have pages and a Link header; without
the scope, /user/emails answers 404 and the lists of organisations and teams 403. Answers can be replaced.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CODE_SECONDS: Final = 600
INCLUDED: Final = {"user": {"user:email", "read:user"}, "admin:org": {"read:org", "write:org"}}


@dataclass
class GitHubUser:
    """An account with its addresses and memberships."""

    id: int
    login: str
    name: str | None = None
    emails: list[dict[str, Any]] = field(default_factory=list)
    organizations: dict[str, int] = field(default_factory=dict)
    """Login to id."""
    teams: dict[str, int] = field(default_factory=dict)
    """`organization/slug` to id."""

    def as_json(self) -> dict[str, Any]:
        """The account as `GET /user` shows it. Its `email` is the public one, verified or not."""
        return {
            "login": self.login,
            "id": self.id,
            "node_id": base64.b64encode(f"04:User{self.id}".encode()).decode(),
            "type": "User",
            "name": self.name,
            "email": "public@example.com",
            "site_admin": False,
        }


@dataclass
class _Code:
    user: GitHubUser
    redirect_uri: str
    scopes: list[str]
    challenge: str | None
    expires_at: float


class GitHubModel:
    """Serves the endpoints on a loopback address. `user` is the account that the browser is signed in to."""

    def __init__(self, *, client_id: str, client_secret: str, api_path: str = "/api/v3") -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.user = GitHubUser(1, "octocat")
        self.granted: list[str] | None = None
        """The scopes that the user leaves ticked; None for all that were asked for."""
        self.declines = False
        self.sso: str | None = None
        """The value of X-GitHub-SSO on lists, if organisations with single sign-on are left out."""
        self.page_size = 100
        """The most that a page holds, whatever `per_page` says."""
        self.redirect_uris: set[str] = set()
        """Registered for the app; empty lets any through."""
        self.replaced: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        """Path to the answer in the place of the valid one."""
        self.requests: list[web.Request] = []
        self.issued: list[str] = []
        """Every access token."""
        self._api_path = api_path
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, tuple[GitHubUser, list[str]]] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    @property
    def api(self) -> str:
        """The root of the API."""
        return f"{self.url}{self._api_path}"

    async def start(self) -> None:
        app = web.Application(middlewares=[self._replace])
        app.router.add_get("/login/oauth/authorize", self._authorize)
        app.router.add_post("/login/oauth/access_token", self._issue)
        for path, handler in {
            "/user": self._show_user,
            "/user/emails": self._list_emails,
            "/user/orgs": self._list_organizations,
            "/user/teams": self._list_teams,
        }.items():
            app.router.add_get(f"{self._api_path}{path}", handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def replace(self, path: str, **response: Any) -> None:
        """Answer a path of the API or of the site with something else; arguments as for `web.Response`."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(**response) if "data" in response else web.Response(**response)

        self.replaced[path] = answer

    @web.middleware
    async def _replace(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append(request)
        return await self.replaced.get(request.path.removeprefix(self._api_path), handler)(request)

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        redirect_uri = query.get("redirect_uri", "")
        if query.get("client_id") != self.client_id:
            raise web.HTTPNotFound
        parameters = {"state": query.get("state", ""), "iss": f"{self.url}/login/oauth"}
        if self.redirect_uris and redirect_uri not in self.redirect_uris:
            parameters["error"] = "redirect_uri_mismatch"
        elif self.declines:
            parameters["error"] = "access_denied"
            parameters["error_description"] = "The user has denied your application access."
        else:
            challenge = query.get("code_challenge") if query.get("code_challenge_method") == "S256" else None
            scopes = self.granted if self.granted is not None else query.get("scope", "").split()
            code = secrets.token_hex(10)
            self._codes[code] = _Code(self.user, redirect_uri, scopes, challenge, time.time() + CODE_SECONDS)
            parameters["code"] = code
        raise web.HTTPFound(f"{redirect_uri}?{urlencode(parameters)}")

    async def _issue(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return self._answer(request, {"error": "incorrect_client_credentials"})
        code = self._codes.pop(str(form.get("code")), None)
        if code is None or time.time() >= code.expires_at or not self._proves(code, str(form.get("code_verifier", ""))):
            return self._answer(request, {"error": "bad_verification_code"})
        if form.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            return self._answer(request, {"error": "redirect_uri_mismatch"})
        token = f"gho_{secrets.token_hex(18)}"
        self.issued.append(token)
        self._tokens[token] = (code.user, code.scopes)
        return self._answer(
            request, {"access_token": token, "token_type": "bearer", "scope": ",".join(sorted(code.scopes))}
        )

    @staticmethod
    def _proves(code: _Code, verifier: str) -> bool:
        derived = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return code.challenge is None or derived == code.challenge

    @staticmethod
    def _answer(request: web.Request, members: dict[str, str]) -> web.Response:
        """Form-encoded unless JSON is asked for, and 200 whether it is an error or not."""
        if "error" in members:
            members["error_description"] = "A sentence for the user."
        if "application/json" in request.headers.get("Accept", ""):
            return web.json_response(members)
        return web.Response(text=urlencode(members), content_type="application/x-www-form-urlencoded")

    async def _show_user(self, request: web.Request) -> web.Response:
        user, scopes = self._authenticate(request)
        return web.json_response(user.as_json(), headers=self._headers(scopes))

    async def _list_emails(self, request: web.Request) -> web.Response:
        user, scopes = self._authenticate(request)
        if not self._has(scopes, "user:email"):
            return web.json_response({"message": "Not Found"}, status=404, headers=self._headers(scopes))
        return self._page(request, user.emails, scopes)

    async def _list_organizations(self, request: web.Request) -> web.Response:
        user, scopes = self._authenticate(request)
        if not self._has(scopes, "read:org"):
            return self._forbid(scopes)
        return self._page(request, [{"login": name, "id": one} for name, one in user.organizations.items()], scopes)

    async def _list_teams(self, request: web.Request) -> web.Response:
        user, scopes = self._authenticate(request)
        if not self._has(scopes, "read:org"):
            return self._forbid(scopes)
        entries = []
        for name, one in user.teams.items():
            organization, _, slug = name.partition("/")
            owner = {"login": organization, "id": user.organizations.get(organization, 999)}
            entries.append({"id": one, "slug": slug, "name": slug.title(), "organization": owner})
        return self._page(request, entries, scopes)

    def _page(self, request: web.Request, entries: list[dict[str, Any]], scopes: list[str]) -> web.Response:
        size = min(int(request.query.get("per_page", 30)), self.page_size)
        number = int(request.query.get("page", 1))
        headers = self._headers(scopes)
        if number * size < len(entries):
            following = request.url.update_query(page=number + 1)
            headers["Link"] = f'<{following}>; rel="next", <{following}>; rel="last"'
        if self.sso is not None:
            headers["X-GitHub-SSO"] = self.sso
        return web.json_response(entries[(number - 1) * size : number * size], headers=headers)

    def _authenticate(self, request: web.Request) -> tuple[GitHubUser, list[str]]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "token"} or token not in self._tokens:
            raise web.HTTPUnauthorized(text='{"message": "Bad credentials"}', content_type="application/json")
        return self._tokens[token]

    @staticmethod
    def _has(scopes: list[str], wanted: str) -> bool:
        return any(scope == wanted or wanted in INCLUDED.get(scope, set()) for scope in scopes)

    @staticmethod
    def _headers(scopes: list[str]) -> dict[str, str]:
        return {"X-OAuth-Scopes": ", ".join(sorted(scopes)), "X-RateLimit-Remaining": "4999"}

    def _forbid(self, scopes: list[str]) -> web.Response:
        message = "You need at least read:org scope or user scope to list your organizations."
        return web.json_response({"message": message}, status=403, headers=self._headers(scopes))
