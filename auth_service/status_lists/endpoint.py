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
from auth_service.status_lists.document import TTL_SECONDS, TYPE
from auth_service.status_lists.identifiers import LIST_FORM
from shared.http.long_polls import LongPolls, wanted_wait

if TYPE_CHECKING:
    from auth_service.status_lists.board import StatusListBoard

_KNOWN: Final = re.compile(rf"(?:{LIST_FORM}\.[A-Za-z0-9_-]{{1,22}}(?:~(?!$)|$)){{0,512}}")


class StatusListEndpoint:
    """Serves the lists of one process."""

    def __init__(self, board: StatusListBoard) -> None:
        self._board = board
        self._polls = LongPolls()

    async def end_long_polls(self, _app: web.Application) -> None:
        """Answer every waiting request; an `on_shutdown` handler. The clients ask another replica."""
        self._polls.stop()
        self._board.wake()

    async def show_one(self, request: web.Request) -> web.Response:
        """One signed list, or 304. Raises HTTPNotFound, ServiceUnavailable."""
        list_id = request.match_info["list_id"]
        token, tag = self._board.token_of(list_id), self._board.tags.get(list_id)
        if token is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "public, max-age=0, must-revalidate", "ETag": f'"{tag}-{token[-16:]}"'}
        if headers["ETag"] in {
            t.strip().removeprefix("W/") for t in request.headers.get("If-None-Match", "").split(",")
        }:
            return web.Response(status=304, headers=headers)
        return web.Response(body=token.encode(), headers=headers | {"Content-Type": f"application/{TYPE}"})

    async def show_all(self, request: web.Request) -> web.Response:
        """The addresses of all lists; with `known` the changed lists too. Raises InvalidRequest, ServiceUnavailable."""
        if "known" not in request.query:
            headers = {"Cache-Control": f"public, max-age={TTL_SECONDS}"}
            return web.Response(body=self._body(), content_type="application/json", headers=headers)
        known = _parse(request.query["known"])
        headers = {"Cache-Control": "no-store"}
        changed = self._board.changed
        wait = wanted_wait(request)
        # An answer that has a change need not be held, and says all the same that it would have been.
        if wait and (known != self._board.tags or await self._polls.wait(request, changed, wait)):
            headers["Preference-Applied"] = f"wait={wait}"
        tokens = []
        tags = dict(self._board.tags)
        for list_id, tag in tags.items():
            if known.get(list_id) != tag:
                tokens.append(self._board.token_of(list_id))
                await asyncio.sleep(0)  # each may cost a signature
        return web.Response(
            body=self._body(changed=tokens, tags=tags), content_type="application/json", headers=headers
        )

    def _body(self, *, changed: list[str | None] | None = None, tags: dict[str, str] | None = None) -> bytes:
        body: dict[str, object] = {"status_lists": [self._board.uri_of(i) for i in self._board.tags]}
        if tags is not None:
            body["changed"] = [token for token in changed or () if token is not None]
            body["known"] = "~".join(f"{list_id}.{tag}" for list_id, tag in tags.items())
        return json.dumps(body, separators=(",", ":")).encode()


def _parse(unverified_known: str) -> dict[str, str]:
    """The tags that a client has, by list. Raises InvalidRequest."""
    if _KNOWN.fullmatch(unverified_known) is None:
        raise InvalidRequest("known has not the form of an earlier response", error_id="known_form")
    return dict(pair.split(".", 1) for pair in unverified_known.split("~") if pair)
