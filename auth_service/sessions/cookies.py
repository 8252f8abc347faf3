"""The browser cookie, from which CSRF values are derived and to which interactions are bound; the session cookie.

Only a hash of a cookie's value is stored (invariant 4).
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import SECRET_BYTES, digest, mac, new_secret
from auth_service.sessions.known_browser import SUBJECT
from auth_service.texts import message
from shared.jose import base64url

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.sessions.known_browser import KnownBrowsers

_BROWSER_DAYS: Final = 180


class Browser:
    """One browser, identified by its cookie."""

    def __init__(self, secret: str, *, is_new: bool, last_provider: str = "", known_user: str = "") -> None:
        """`last_provider`: the id of the identity provider that its cookie names, unverified.

        `known_user`: the subject of the user who last signed in in this browser; empty if none did.
        """
        self.secret = secret
        self.is_new = is_new
        self.last_provider = last_provider
        self.known_user = known_user

    @property
    def secret_hash(self) -> str:
        """The value that stored records are bound to."""
        return digest(self.secret)

    def csrf(self, purpose: str) -> str:
        """The value that a form of this browser must carry. `purpose`: a transaction, or the name of a page."""
        return base64url.encode(mac(self.secret.encode(), "csrf", purpose))

    def check_csrf(self, purpose: str, unverified_value: str | None) -> None:
        """Raise PageError unless the value was derived for this browser and purpose (RFC 9700 section 4.7)."""
        if unverified_value is None or not hmac.compare_digest(
            self.csrf(purpose).encode(), unverified_value.encode("utf-8", "replace")
        ):
            raise PageError(
                "the form's CSRF value does not match this browser and purpose",
                error_id="csrf",
                title=message("This page has expired"),
                public=message("It was open for too long, or it was opened in another browser."),
                hint=message("Your browser didn't send a cookie. Allow cookies for this site, then go back and reload.")
                if self.is_new
                else message("Go back and reload the page, or start again from your app."),
            )


class SessionCookies:
    """Reads and writes the cookies. Over https they have the __Host- prefix, so that no sibling host can set them."""

    def __init__(self, *, secure: bool, known: KnownBrowsers) -> None:
        prefix = "__Host-" if secure else ""
        self._secure = secure
        self._known = known
        self._browser_name = f"{prefix}sallyport-browser"
        self._session_name = f"{prefix}sallyport-session"
        self._provider_name = f"{prefix}sallyport-provider"
        self._known_name = f"{prefix}sallyport-known"

    def browser(self, request: web.Request) -> Browser:
        """The browser that sent the request: identified by its cookie, or new."""
        value = _well_formed(request.cookies.get(self._browser_name))
        last_provider = request.cookies.get(self._provider_name, "")
        if value is None:
            return Browser(new_secret(), is_new=True, last_provider=last_provider)
        known_user = self._known.read(value, request.cookies.get(self._known_name, ""))
        return Browser(value, is_new=False, last_provider=last_provider, known_user=known_user)

    def remember_browser(self, response: web.StreamResponse, browser: Browser) -> None:
        """Set the cookie if the browser does not have it yet."""
        if browser.is_new:
            self._set(response, self._browser_name, browser.secret, max_age=_BROWSER_DAYS * 86_400)

    def remember_provider(self, response: web.StreamResponse, provider_id: str) -> None:
        """Offer this identity provider first the next time. The value is no secret and decides nothing else."""
        self._set(response, self._provider_name, provider_id, max_age=_BROWSER_DAYS * 86_400)

    def remember_user(self, response: web.StreamResponse, browser: Browser, subject: str) -> None:
        """Recognise this browser as one in which the user has signed in."""
        value = self._known.write(browser.secret, subject)
        self._set(response, self._known_name, value, max_age=_BROWSER_DAYS * 86_400)

    def session(self, request: web.Request) -> tuple[str, str] | None:
        """The subject and token that the session cookie claims, both unverified."""
        subject, _, token = request.cookies.get(self._session_name, "").rpartition(".")
        if not SUBJECT.fullmatch(subject) or not _well_formed(token):
            return None
        return subject, token

    def set_session(self, response: web.StreamResponse, subject: str, token: str, *, seconds: int) -> None:
        """Sign the browser in."""
        self._set(response, self._session_name, f"{subject}.{token}", max_age=seconds)

    def clear_session(self, response: web.StreamResponse) -> None:
        """Sign the browser out."""
        self._set(response, self._session_name, "", max_age=0)

    def _set(self, response: web.StreamResponse, name: str, value: str, *, max_age: int) -> None:
        response.set_cookie(name, value, max_age=max_age, path="/", httponly=True, secure=self._secure, samesite="Lax")


def _well_formed(value: str | None) -> str | None:
    try:
        return value if value and len(base64url.decode(value)) == SECRET_BYTES else None
    except ValueError:
        return None
