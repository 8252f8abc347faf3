"""The user agent of all tests over HTTP: a browser without JavaScript, and the user in front of it.

The in-process tests take it step by step; the end-to-end tests let it walk from the authorization request to the
callback. Tests that need a real browser use `tests/support/browser.py`.
"""

import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDictProxy
from yarl import URL

from tests.support.oauth import redirect_parameters


@dataclass
class HtmlForm:
    """One form of a page."""

    action: str
    inputs: dict[str, Any] = field(default_factory=dict)
    """Fields that it posts without a button: text, or a list where a name repeats. An empty checkbox posts nothing."""
    buttons: list[tuple[str, str]] = field(default_factory=list)
    ticked: dict[str, bool] = field(default_factory=dict)
    """Its checkboxes by `name=value`, in order."""

    def add(self, name: str, value: str) -> None:
        """One more value that the form posts."""
        before = self.inputs.get(name)
        self.inputs[name] = value if before is None else [*_listed(before), value]

    def without(self, *boxes: str) -> dict[str, Any]:
        """Fields that it posts after the user has cleared these checkboxes, each as `name=value`."""
        left = {name: _listed(value) for name, value in self.inputs.items()}
        for box in boxes:
            assert self.ticked[box], f"{box} is not ticked"
            name, _, value = box.partition("=")
            left[name].remove(value)
        return left


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


class _Parser(HTMLParser):
    """Collects the forms of a page and the address in its refresh."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self.refresh: str | None = None
        self._by_id: dict[str, HtmlForm] = {}
        self._elsewhere: list[tuple[str, dict[str, str]]] = []
        self.feed(html)
        for form_id, found in self._elsewhere:
            self._add_input(self._by_id[form_id], found)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(HtmlForm(found.get("action", "")))
            self._by_id[found.get("id", "")] = self.forms[-1]
        elif tag == "input" and "name" in found and "form" in found:
            self._elsewhere.append((found["form"], found))
        elif tag == "input" and self.forms and "name" in found:
            self._add_input(self.forms[-1], found)
        elif tag == "button" and self.forms and "name" in found:
            self.forms[-1].buttons.append((found["name"], found.get("value", "")))
        elif tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            self.refresh = found["content"].partition("url=")[2].strip()

    @staticmethod
    def _add_input(form: HtmlForm, found: dict[str, str]) -> None:
        name, value = found["name"], found.get("value", "")
        if found.get("type") == "checkbox":
            form.ticked[f"{name}={value}"] = "checked" in found
        if found.get("type") != "checkbox" or "checked" in found:
            form.add(name, value)


@dataclass
class Answer:
    """One response, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: URL

    @classmethod
    async def read(cls, response: aiohttp.ClientResponse) -> "Answer":
        """Read the response to its end."""
        return cls(response.status, response.headers, await response.read(), response.url)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @cached_property
    def _parsed(self) -> _Parser:
        return _Parser(self.text)

    @property
    def forms(self) -> list[HtmlForm]:
        return self._parsed.forms

    @property
    def refresh(self) -> str | None:
        """The address that the page leads to by itself."""
        return self._parsed.refresh

    @property
    def onward(self) -> URL | None:
        """The address that a redirect or a refresh leads to."""
        target = self.headers.get("Location") or self.refresh
        return self.url.join(URL(target)) if target else None

    @property
    def words(self) -> str:
        """The page without its style sheet and tags, for messages."""
        return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", self.text, flags=re.DOTALL))


class UserAgent:
    """Cookies of one server, forms as they stand on the page, and redirects that are followed only when asked to."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        username: str,
        password: str,
        decision: str = "approve",
        base: URL | None = None,
        cookies: Mapping[str, str] | None = None,
        provider: str = "",
    ) -> None:
        """`http` keeps no cookies of its own. `authorize` passes through an identity provider at the origin `provider`.

        `base` is the address of a server that does not answer at its issuer's address: relative addresses are joined
        to it, and forms carry no Origin. Without it, the first address that is visited is taken for the server's.
        """
        self.username = username
        self.password = password
        self.decision = decision
        self.cookies = dict(cookies or {})
        self.pages: list[str] = []
        """The pages that `authorize` has gone through."""
        self.callback: str | None = None
        """The address, with its parameters, to which `authorize` was sent back last."""
        self._http = http
        self._base = base
        self._home = base.origin() if base else None
        self._provider = URL(provider).origin() if provider else None

    async def get(self, url: str | URL, **options: Any) -> Answer:
        """GET an address, absolute or relative to `base`."""
        return await self._request("GET", url, **options)

    async def post(self, url: str | URL, form: Mapping[str, Any], **options: Any) -> Answer:
        """Send a form to an address, absolute or relative to `base`; of a list each member."""
        fields = [(name, value) for name, values in form.items() for value in _listed(values)]
        return await self._request("POST", url, data=aiohttp.FormData(fields), **options)

    async def follow(self, answer: Answer) -> Answer:
        """Go where a redirect points."""
        assert answer.status == 303, answer.text
        assert answer.onward is not None
        return await self.get(answer.onward)

    async def submit(self, page: Answer, *, clear: Sequence[str] = (), **values: str | list[str]) -> Answer:
        """Send the first form of a page, with these checkboxes cleared and these values filled in."""
        form = page.forms[0]
        headers = {} if self._base else {"Origin": str(page.url.origin()), "Referer": str(page.url)}
        return await self.post(page.url.join(URL(form.action)), form.without(*clear) | values, headers=headers)

    async def sign_in(self, page: Answer, username: str | None = None, password: str | None = None) -> Answer:
        """Sign in on the page."""
        username = self.username if username is None else username
        return await self.submit(page, username=username, password=self.password if password is None else password)

    async def arrive(self, authorization_url: str) -> Answer:
        """Begin an authorization; the first page."""
        answer = await self.get(authorization_url)
        return await self.follow(answer) if answer.status == 303 else answer

    async def consent_page(self, authorization_url: str) -> Answer:
        """Go as far as the decision."""
        page = await self.arrive(authorization_url)
        if "password" in page.forms[0].inputs:
            page = await self.follow(await self.sign_in(page))
        assert ("decision", "approve") in page.forms[0].buttons, page.text
        return page

    async def decide(self, page: Answer, decision: str | None = None, *, clear: Sequence[str] = ()) -> dict[str, str]:
        """Decide; the parameters with which the user agent is sent back to the client."""
        answer = await self.submit(page, clear=clear, decision=decision or self.decision)
        assert answer.status == 200, answer.text
        return redirect_parameters(answer.refresh)

    async def authorize(self, authorization_url: str) -> dict[str, str]:
        """Sign in where asked to, decide, and follow until the pages leave the server; the callback's parameters."""
        page = await self.get(authorization_url)
        for _ in range(10):
            self.pages.append(page.text)
            assert page.status in {200, 302, 303}, f"{page.status} from {page.url}: {page.words}"
            target = page.onward
            if target is not None and not (self._is_at(target, self._home) or self._is_at(target, self._provider)):
                self.callback = page.headers.get("Location") or page.refresh
                return redirect_parameters(self.callback)
            page = await (self.get(target) if target else self.fill_in(page))
        raise AssertionError("the pages lead nowhere")

    async def fill_in(self, page: Answer) -> Answer:
        """Send the first form of a page as the user would: with credentials, the first provider, or the decision."""
        form = page.forms[0]
        known = {"username": self.username, "login": self.username, "password": self.password}
        values = {name: value for name, value in known.items() if name in form.inputs}
        providers = [value for name, value in form.buttons if name == "provider"]
        if providers:
            values["provider"] = providers[0]
        if any(name == "decision" for name, _ in form.buttons):
            assert ("decision", self.decision) in form.buttons, page.words
            values["decision"] = self.decision
        return await self.submit(page, **values)

    @staticmethod
    def _is_at(url: URL, origin: URL | None) -> bool:
        return url.is_absolute() and url.host is not None and url.origin() == origin

    async def _request(
        self, method: str, url: str | URL, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        target = self._base.join(URL(url)) if self._base else URL(url)
        self._home = self._home or target.origin()
        at_home = self._is_at(target, self._home)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items()) if at_home else ""
        sent = {"Cookie": cookies} if cookies else {}
        async with self._http.request(
            method, target, headers=sent | dict(headers or {}), allow_redirects=False, **options
        ) as response:
            answer = await Answer.read(response)
        if at_home:
            self._keep_cookies(answer.headers.getall("Set-Cookie", []))
        return answer

    def _keep_cookies(self, set_cookie: list[str]) -> None:
        for text in set_cookie:
            for name, morsel in SimpleCookie(text).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


@asynccontextmanager
async def user_agent(
    username: str,
    password: str,
    *,
    decision: str = "approve",
    tls: ssl.SSLContext | None = None,
    resolver: AbstractResolver | None = None,
    provider: str = "",
) -> AsyncIterator[UserAgent]:
    """A user agent with connections of its own.

    `tls` holds the trusted authorities (the system's when None), `resolver` replaces name resolution; `provider` is the
    origin of an identity provider.
    """
    connector = aiohttp.TCPConnector(ssl=tls or True, resolver=resolver)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield UserAgent(http, username=username, password=password, decision=decision, provider=provider)
