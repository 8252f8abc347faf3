"""A person in front of plain HTML forms: signs in, decides, and is sent back to the client."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp


@dataclass
class HtmlForm:
    """One form of a page, as a browser without JavaScript sees it."""

    action: str
    inputs: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """What of a page matters here: its forms and where it sends the browser on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self.refresh: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(HtmlForm(found.get("action", "")))
        elif tag == "input" and self.forms and "name" in found:
            self.forms[-1].inputs[found["name"]] = found.get("value", "")
        elif tag == "button" and self.forms and "name" in found:
            self.forms[-1].buttons.append((found["name"], found.get("value", "")))
        elif tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            self.refresh = found["content"].partition("url=")[2].strip()


class Person:
    """One browser with its cookies. Use as an async context manager."""

    def __init__(
        self, username: str, password: str, *, decision: str = "approve", tls: ssl.SSLContext | None = None
    ) -> None:
        """`tls` is whom to trust; the usual authorities when None."""
        self.username = username
        self.password = password
        self.decision = decision
        self.pages: list[str] = []
        self._tls = tls

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(ssl=self._tls or True)
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._session.close()

    async def answer(self, authorization_url: str) -> dict[str, str]:
        """Follow the pages from the authorization request until they leave the issuer; the callback's parameters."""
        home = urlsplit(authorization_url).netloc
        method, url, data = "GET", authorization_url, None
        for _ in range(10):
            async with self._session.request(method, url, data=data, allow_redirects=False) as response:
                text = await response.text()
                self.pages.append(text)
                assert response.status in {200, 302, 303}, f"{response.status} from {url}: {_words(text)}"
                page = Page(text)
                target = response.headers.get("Location") or page.refresh
            if target:
                url = urljoin(url, target)
                if urlsplit(url).netloc != home:
                    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
                method, data = "GET", None
                continue
            form = page.forms[0]
            data = dict(form.inputs)
            if "password" in data:
                data |= {"username": self.username, "password": self.password}
            else:
                assert ("decision", self.decision) in form.buttons, _words(text)
                data["decision"] = self.decision
            method, url = "POST", urljoin(url, form.action)
        raise AssertionError("the pages lead nowhere")


def _words(html: str) -> str:
    """The page without its style sheet and tags."""
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL))
