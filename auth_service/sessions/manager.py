"""Signing in, staying signed in, signing out: cookies and store together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auth_service.protocol.opaque import digest, new_secret
from auth_service.sessions.session import Session

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.sessions.cookies import SessionCookies
    from auth_service.sessions.repository import SessionRepository


class SessionManager:
    """Who is signed in at the browser that sent a request."""

    def __init__(
        self, *, cookies: SessionCookies, store: SessionRepository, lifetime_seconds: int, now: Callable[[], float]
    ) -> None:
        self._cookies = cookies
        self._store = store
        self._lifetime = lifetime_seconds
        self._now = now

    async def current(self, request: web.Request) -> Session | None:
        """The session of this browser, if it is signed in. Raises RedisUnavailable."""
        claimed = self._cookies.session(request)
        if claimed is None:
            return None
        subject, token = claimed
        return await self._store.find(subject, digest(token))

    async def sign_in(
        self, response: web.StreamResponse, *, subject: str, username: str, replacing: Session | None = None
    ) -> Session:
        """Begin a session with a token of its own and set its cookie. Raises RedisUnavailable.

        The session that the browser had before ends: only a stolen copy of its cookie would still name it.
        """
        token = new_secret()
        session = Session(digest(token), subject, username, self._now())
        await self._store.begin(session)
        if replacing is not None:
            await self._store.end(replacing)
        self._cookies.set_session(response, subject, token, seconds=self._lifetime)
        return session

    async def sign_out(self, response: web.StreamResponse, session: Session) -> None:
        """End this browser's session. Raises RedisUnavailable."""
        await self._store.end(session)
        self._cookies.clear_session(response)

    async def sign_out_everywhere(self, response: web.StreamResponse, session: Session) -> None:
        """End all sessions of the person. Raises RedisUnavailable."""
        await self._store.end_all(session.subject, now=self._now())
        self._cookies.clear_session(response)
