"""The authorization flow of the model server: consent, tokens, revocation."""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import time
from functools import cache
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.sallyport_doctor.faulty_servers.register import LOOPBACK, Registration, oauth_error


@cache
def signing_key():
    """One key for all models: key generation is slow."""
    return ECKey.generate_key("P-256", {"kid": "test-1", "use": "sig", "alg": "ES256"})


def page(text, status=200, **headers):
    body = f"<!doctype html><html><body>{text}</body></html>"
    safe = {"X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'none'"}
    return web.Response(text=body, status=status, content_type="text/html", headers=safe | headers)


class Flow(Registration):
    """Keeps grants in plain dictionaries."""

    access_ttl = 3600

    @property
    def issuer(self):
        raise NotImplementedError

    @property
    def resource(self):
        raise NotImplementedError

    def __init__(self):
        super().__init__()
        self.waiting = {}
        self.codes = {}
        self.grants = {}
        self.access_tokens = {}

    def key_set(self):
        return {"keys": [signing_key().as_dict(private=False)]}

    # Authorization.

    def redirect_matches(self, registered, presented):
        one, other = urlsplit(registered), urlsplit(presented)
        if one.scheme == "http" and one.hostname in LOOPBACK:
            return (one.scheme, one.hostname, one.path) == (other.scheme, other.hostname, other.path)
        return registered == presented

    def iss(self):
        return {"iss": self.issuer}

    def problem_with(self, query):
        """An error to redirect with, or None."""
        if query.get("response_type") != "code":
            return "unsupported_response_type"
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return "invalid_request"
        if any(r != self.resource for r in query.getall("resource", [])):
            return "invalid_target"
        return None

    async def answer_authorize(self, request):
        query = request.query
        client = self.clients.get(query.get("client_id"))
        redirect = query.get("redirect_uri", "")
        if client is None or not any(self.redirect_matches(r, redirect) for r in client["redirect_uris"]):
            return self.unknown_client(request)
        problem = self.problem_with(query)
        if problem:
            answer = {"error": problem, **self.iss()}
            if "state" in query:
                answer["state"] = query["state"]
            raise_to = f"{redirect}?{urlencode(answer)}"
            return web.Response(status=302, headers={"Location": raise_to})
        number = secrets.token_urlsafe(8)
        self.waiting[number] = query
        return self.sign_in_page(number)

    def unknown_client(self, request):
        return page("Unknown client. Remove the connection and connect again.", 400)

    def sign_in_page(self, number, **headers):
        form = f'<form method="post" action="/decide"><input type="hidden" name="number" value="{html.escape(number)}">'
        return page(form + '<button name="decision" value="approve">Approve</button></form>', **headers)

    async def answer_decide(self, request):
        query = self.waiting.pop((await request.post())["number"])
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        answer = {"code": code, **self.iss()}
        if "state" in query:
            answer["state"] = query["state"]
        return self.send_back(query["redirect_uri"], answer)

    def send_back(self, redirect, answer):
        return web.Response(status=302, headers={"Location": f"{redirect}?{urlencode(answer)}"})

    # Tokens.

    async def answer_token(self, request):
        form = await request.post()
        client = self.clients.get(form.get("client_id"))
        if client is None:
            return self.unknown_client_at_token()
        if form.get("grant_type") == "authorization_code":
            return self.redeem_code(form, client)
        if form.get("grant_type") == "refresh_token":
            return self.refresh(form, client)
        return oauth_error("unsupported_grant_type")

    def unknown_client_at_token(self):
        return oauth_error("invalid_client", 401)

    def redeem_code(self, form, client):
        query = self.codes.get(form.get("code"))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if query is None or query["code_challenge"] != challenge or query["client_id"] != client["client_id"]:
            return oauth_error("invalid_grant")
        self.spend_code(form["code"])
        grant = secrets.token_urlsafe(8)
        self.grants[grant] = {"current": None, "previous": None, "client": client["client_id"], "successor_used": True}
        return self.issue(grant)

    def spend_code(self, code):
        del self.codes[code]

    def refresh(self, form, client):
        presented = form.get("refresh_token")
        for number, grant in self.grants.items():
            if presented == grant["current"]:
                return self.issue(number)
            if presented == grant["previous"]:
                return self.repeat(number)
        return self.invalid_refresh()

    def invalid_refresh(self):
        return oauth_error("invalid_grant")

    def repeat(self, number):
        """Return the same successor for a retry or a concurrent refresh."""
        return self.token_response(number, self.grants[number]["current"])

    def issue(self, number):
        grant = self.grants[number]
        grant["previous"], grant["current"] = grant["current"], self.next_refresh_token(grant)
        return self.token_response(number, grant["current"])

    def next_refresh_token(self, grant):
        return secrets.token_urlsafe(24)

    def token_response(self, number, refresh_token):
        access = self.mint(self.grants[number]["client"])
        self.access_tokens[access] = time.time() + self.access_ttl
        self.grants[number].setdefault("access", []).append(access)
        body = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.access_ttl,
            "refresh_token": refresh_token,
            "scope": "notes:read",
        }
        return web.json_response(self.shape(body), headers={"Cache-Control": "no-store"})

    def shape(self, body):
        return body

    def claims(self, client_id):
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": "ada",
            "aud": self.resource,
            "client_id": client_id,
            "scope": "notes:read",
            "iat": now,
            "exp": now + self.access_ttl,
            "jti": secrets.token_urlsafe(8),
        }

    def header(self):
        return {"alg": "ES256", "typ": "at+jwt", "kid": "test-1"}

    def mint(self, client_id):
        return jwt.encode(self.header(), self.claims(client_id), signing_key())

    async def answer_revoke(self, request):
        presented = (await request.post()).get("token")
        for number, grant in list(self.grants.items()):
            if presented in {grant["current"], grant["previous"]} or presented in grant["access"]:
                for access in self.grants.pop(number)["access"]:
                    self.access_tokens.pop(access, None)
        return web.Response(status=200)

    async def answer_introspect(self, request):
        token = (await request.post()).get("token")
        return web.json_response({"active": self.access_tokens.get(token, 0) > time.time()})
