"""auth_service without status lists, the yardstick of bench_revocation.py: no token names an entry, and none is read.

Run like auth_service: `python -m tests.benchmarks.without_status_lists serve`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from auth_service.commands.app import app
from auth_service.keys.key_ring import KeyRing
from auth_service.status_lists.published_lists import PublishedStatusLists

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_sign = KeyRing.sign


def _sign_without_status(ring: KeyRing, claims: MutableMapping[str, Any], *, typ: str) -> str:
    claims.pop("status", None)
    return _sign(ring, claims, typ=typ)


async def _never_poll(_lists: PublishedStatusLists) -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    with patch.object(KeyRing, "sign", _sign_without_status), patch.object(PublishedStatusLists, "_poll", _never_poll):
        app(prog_name="auth_service without status lists")
