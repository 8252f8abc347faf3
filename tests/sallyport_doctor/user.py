"""Simulates the user of a sign-in: submits the forms, approves, and follows the redirects."""

import html
import re
from urllib.parse import urljoin

import aiohttp

FORM = re.compile(r"<form\b(?P<attributes>[^>]*)>(?P<inside>.*?)</form>", re.DOTALL | re.IGNORECASE)
INPUT = re.compile(r"<input\b[^>]*>", re.IGNORECASE)
ONWARD = re.compile(r"""http-equiv=["']?refresh["']?[^>]*content=["'][^"']*?url=(?P<url>[^"']+)["']""", re.IGNORECASE)


def _attribute(tag, name):
    found = re.search(rf"""\b{name}=(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", tag, re.IGNORECASE)
    return html.unescape(next(g for g in found.groups() if g is not None)) if found else None


class LoopbackResolver(aiohttp.abc.AbstractResolver):
    """Resolves every name to this machine."""

    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self):
        """Holds no resources."""


async def sign_in_by_forms(address, *, username="demo", password="demo", decision="approve", loopback=False, tls=True):
    """Walk from an authorization URL to the client's callback; `loopback` resolves every name to this machine."""
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(ssl=tls, resolver=LoopbackResolver() if loopback else None)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as browser:
        response = await browser.get(address)
        for _step in range(6):
            text = await response.text()
            form = FORM.search(text)
            onward = ONWARD.search(text)
            if onward:
                response = await browser.get(urljoin(str(response.url), html.unescape(onward["url"])))
                continue
            if not form:
                return
            fields = {}
            for tag in INPUT.findall(form["inside"]):
                name = _attribute(tag, "name")
                if name:
                    fields[name] = {"username": username, "login": username, "password": password}.get(
                        name, _attribute(tag, "value") or ""
                    )
            if 'name="decision"' in form["inside"]:
                fields["decision"] = decision
            target = urljoin(str(response.url), _attribute(form["attributes"], "action") or "")
            origin = str(response.url.origin())
            response = await browser.post(target, data=fields, headers={"Origin": origin, "Referer": str(response.url)})


async def unresponsive_user(_address):
    """Never completes the sign-in."""
