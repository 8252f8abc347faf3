"""GET /status-lists and GET /status-lists/{id}: the lists, and one change feed for all of them.

`/status-lists` is the aggregation of the Token Status List draft, section 9. With the parameter `known` it is the
change feed: the response has every list that differs from what `known` says, and `known` for the next request.
With `Prefer: wait=N` (RFC 7240) it is held until a list changes or N seconds have passed. So a verifier needs one
request in progress, however many lists there are, and learns of a revocation as it happens (invariant 12).
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Final

from aiohttp import web

from auth_service.protocol.errors import InvalidRequest
from auth_service.status_lists.document import TTL_SECONDS
from auth_service.status_lists.identifiers import MAX_LISTS, TAG_CHARACTERS
from shared.access_tokens.profile import STATUS_LIST_TYPE
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.long_polls import LongPolls, wanted_wait

if TYPE_CHECKING:
    from collections.abc import Collection

    from auth_service.rate_limits.limits import RateLimits
    from auth_service.status_lists.published_lists import PublishedStatusLists

_KNOWN: Final = re.compile(rf"(?:[A-Za-z0-9_-]{{{TAG_CHARACTERS}}}){{0,{MAX_LISTS}}}")


class StatusListEndpoint:
    """Serves the lists of one process."""

    def __init__(self, lists: PublishedStatusLists, limits: RateLimits) -> None:
        self._lists = lists
        self._limits = limits
        self._polls = LongPolls()
        self._whole: tuple[tuple[str, ...], bytes] = ((), b"")
        """The response to a verifier without lists, and the signed lists in it."""

    async def end_long_polls(self, _app: web.Application) -> None:
        """Answer every waiting request; an `on_shutdown` handler. The clients ask another replica."""
        self._polls.stop()
        self._lists.wake()

    async def show_one(self, request: web.Request) -> web.Response:
        """One signed list, or 304. Raises HTTPNotFound, ServiceUnavailable."""
        list_id = request.match_info["list_id"]
        token, tag = self._lists.token_of(list_id), self._lists.tags.get(list_id)
        if token is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "public, max-age=0, must-revalidate", "ETag": f'"{tag}-{token[-16:]}"'}
        if headers["ETag"] in {
            t.strip().removeprefix("W/") for t in request.headers.get("If-None-Match", "").split(",")
        }:
            return web.Response(status=304, headers=headers)
        return web.Response(body=token.encode(), headers=headers | {"Content-Type": f"application/{STATUS_LIST_TYPE}"})

    async def show_all(self, request: web.Request) -> web.Response:
        """The addresses of all lists; with `known` the changed lists too.

        Raises InvalidRequest, TooManyRequests, ServiceUnavailable.
        """
        if "known" not in request.query:
            headers = {"Cache-Control": f"public, max-age={TTL_SECONDS}"}
            return web.Response(body=self._body(None, ()), content_type="application/json", headers=headers)
        known = _parse(request.query["known"])
        headers = {"Cache-Control": "no-store"}
        changed = self._lists.changed
        wait = wanted_wait(request)
        # An answer that has a change need not be held, and says all the same that it would have been.
        if wait and (known != self._tags() or await self._polls.wait(request, changed, wait)):
            headers["Preference-Applied"] = f"wait={wait}"
        tags, tokens = dict(self._lists.tags), list[str]()
        for list_id, tag in tags.items():
            if tag not in known:
                token = self._lists.token_of(list_id)
                if token is not None:
                    tokens.append(token)
                await asyncio.sleep(0)  # each may cost a signature
        self._limits.check_feed(sum(map(len, tokens)), request[CLIENT_ADDRESS])
        body = self._body(tuple(tokens), tags.values())
        return web.Response(body=body, content_type="application/json", headers=headers)

    def _tags(self) -> frozenset[str]:
        return frozenset(self._lists.tags.values())

    def _body(self, changed: tuple[str, ...] | None, tags: Collection[str]) -> bytes:
        is_whole = changed is not None and len(changed) == len(tags)
        if is_whole and changed == self._whole[0]:
            return self._whole[1]
        document: dict[str, object] = {"status_lists": [self._lists.uri_of(i) for i in self._lists.tags]}
        if changed is not None:
            document |= {"changed": changed, "known": "".join(tags)}
        body = json.dumps(document, separators=(",", ":")).encode()
        if changed is not None and is_whole:
            self._whole = (changed, body)
        return body


def _parse(unverified_known: str) -> frozenset[str]:
    """Parse the tags that a client has. Raises InvalidRequest."""
    if _KNOWN.fullmatch(unverified_known) is None:
        raise InvalidRequest("known has not the form of an earlier response", error_id="known_form")
    size = TAG_CHARACTERS
    return frozenset(unverified_known[i : i + size] for i in range(0, len(unverified_known), size))
