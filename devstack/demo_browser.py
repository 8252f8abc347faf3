"""A browser without a window for the demo user of `make run`: signs in and allows one authorization request.

It does over HTTP what the user who runs the command could do by hand, with the password from DATA_DIR, which only that
user can read. The service treats it as any browser: there is no way past sign-in and consent to use (invariant 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from devstack.service_process import ServiceError
from shared.configured_url import is_loopback_host, origin_of

if TYPE_CHECKING:
    from devstack.demo_user import DemoUser

_MAX_STEPS: Final = 8
_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Form:
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    """As a browser would send them: of checkboxes those that are ticked."""
    names: set[str] = field(default_factory=set)
    buttons: set[tuple[str, str]] = field(default_factory=set)


class _Page(HTMLParser):
    """The forms of a page, and the address of its refresh."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self.refresh = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name, value = found.get("name", ""), found.get("value", "")
        if tag == "form":
            self.forms.append(_Form(found.get("action", "")))
        elif tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            self.refresh = found.get("content", "").partition("url=")[2]
        elif self.forms and tag == "button":
            self.forms[-1].buttons.add((name, value))
        elif self.forms and tag == "input" and name:
            self.forms[-1].names.add(name)
            if found.get("type") != "checkbox" or "checked" in found:
                self.forms[-1].fields.append((name, value))


class DemoBrowser:
    """Allows authorization requests at one issuer."""

    def __init__(self, issuer: str, user: DemoUser) -> None:
        """Raises ServiceError for an issuer on another host: the password of the demo user stays on this machine."""
        if not is_loopback_host(urlsplit(issuer).hostname or ""):
            raise ServiceError(f"the demo user gets a token at once on this machine only, and the issuer is {issuer}")
        self._issuer = issuer
        self._home = origin_of(issuer)
        self._user = user

    async def allow(self, url: str) -> None:
        """Go from the authorization request to the redirect URI, visit it, and sign out. Raises ServiceError."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        jar = aiohttp.CookieJar(unsafe=True)  # also for an address in the place of a name
        try:
            async with aiohttp.ClientSession(cookie_jar=jar, timeout=timeout) as http:
                await self._walk(http, url)
                await self._sign_out(http)
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise ServiceError(f"{self._home} does not answer: {exc}") from exc

    async def _walk(self, http: aiohttp.ClientSession, url: str) -> None:
        method, fields, signed_in = "GET", list[tuple[str, str]](), False
        for _ in range(_MAX_STEPS):
            headers = {"Origin": self._home} if method == "POST" else {}
            async with http.request(method, url, data=fields or None, headers=headers, allow_redirects=False) as answer:
                page = _Page(await answer.text())
                onward = answer.headers.get("Location") or page.refresh
                status = answer.status
            if onward:
                url, method, fields = urljoin(url, onward), "GET", []
                if origin_of(url) != self._home:
                    await self._return_to_client(http, url)
                    return
                continue
            if form := _with_button(page.forms, "decision", "approve"):
                fields = [*form.fields, ("decision", "approve")]
            elif (form := _with_password(page.forms)) and not signed_in:
                signed_in = True
                typed = {"username": self._user.username, "password": self._user.password}
                fields = [*(pair for pair in form.fields if pair[0] not in typed), *typed.items()]
            else:
                wrong = f"the password of {self._user.username} was changed" if signed_in else f"it answered {status}"
                raise ServiceError(f"{self._home} does not let {self._user.username} decide: {wrong}")
            url, method = urljoin(url, form.action), "POST"
        raise ServiceError(f"the pages of {self._home} lead nowhere")

    async def _sign_out(self, http: aiohttp.ClientSession) -> None:
        """Of this browser, which is gone in a moment; the session would otherwise last for hours."""
        account = f"{self._issuer}/account"
        async with http.get(account, allow_redirects=False) as answer:
            form = _with_button(_Page(await answer.text()).forms, "where", "here")
        if form is not None:
            fields, headers = [*form.fields, ("where", "here")], {"Origin": self._home}
            async with http.post(urljoin(account, form.action), data=fields, headers=headers) as answer:
                await answer.read()

    @staticmethod
    async def _return_to_client(http: aiohttp.ClientSession, url: str) -> None:
        if not is_loopback_host(urlsplit(url).hostname or ""):
            raise ServiceError("the answer would leave this machine")
        async with http.get(url, allow_redirects=False) as answer:
            await answer.read()


def _with_button(forms: Sequence[_Form], name: str, value: str) -> _Form | None:
    return next((form for form in forms if (name, value) in form.buttons), None)


def _with_password(forms: Sequence[_Form]) -> _Form | None:
    return next((form for form in forms if {"username", "password"} <= form.names), None)
