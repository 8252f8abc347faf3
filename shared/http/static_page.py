"""Pages for users who open the address of an endpoint in a browser, and the rule that tells browsers from programs.

A program gets the status, headers and body that it would get without these pages. A page is made once, at start, and
holds nothing of the request: sending it costs no more than sending the other body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web
from multidict import CIMultiDict

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_LONGEST_ACCEPT: Final = 512
"""Characters. Browsers send fewer than 200."""

_OF_PROGRAMS: Final = frozenset({"application/json", "text/event-stream"})
"""The media types that MCP and OAuth clients ask for, and that no browser names when it opens an address."""


def opens_page(request: web.BaseRequest) -> bool:
    """Whether a browser opens this address for its user: it prefers HTML, and presents no credential.

    Every browser names `text/html` first, without a weight. `*/*` is what programs send. What is below /.well-known/ is
    for programs alone.
    """
    return (
        request.method in {"GET", "HEAD"}
        and "Authorization" not in request.headers
        and "/.well-known/" not in request.path
        and _prefers_html(request.headers)
    )


def _prefers_html(headers: CIMultiDictProxy[str]) -> bool:
    accept = ",".join(headers.getall("Accept", ()))
    if len(accept) > _LONGEST_ACCEPT:
        return False
    ranges = [stated.strip().lower() for stated in accept.split(",")]
    return ranges[0] == "text/html" and _OF_PROGRAMS.isdisjoint(stated.partition(";")[0].strip() for stated in ranges)


@dataclass(frozen=True, slots=True)
class StaticPage:
    """A complete page: the encoded HTML, and the headers that belong to it, Content-Type among them."""

    body: bytes
    headers: Mapping[str, str]

    def response(self) -> web.Response:
        """The page as an answer of its own."""
        return web.Response(body=self.body, headers={**self.headers, "Vary": "Accept"})

    def in_place_of(self, answer: web.StreamResponse) -> web.Response:
        """The page with the status and all other headers of the answer that a program would get."""
        headers = CIMultiDict(answer.headers)
        headers.update(self.headers, Vary="Accept")
        return web.Response(body=self.body, status=answer.status, headers=headers)
