"""Sessions: started at sign-in, found on each request, ended at sign-out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from auth_service.protocol.opaque import digest, new_secret
from auth_service.sessions.device import parse_user_agent
from auth_service.sessions.repository import Session
from shared.errors import RedisUnavailable
from shared.http.client_address import CLIENT_ADDRESS

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.sessions.cookies import Browser, SessionCookies
    from auth_service.sessions.repository import SessionRepository
    from auth_service.users.service import UserService


class SessionManager:
    """Finds the browser of a request and its session; starts and ends sessions."""

    def __init__(
        self,
        *,
        cookies: SessionCookies,
        repository: SessionRepository,
        users: UserService,
        lifetime_seconds: int,
        identity_max_age: int | None,
        clock: Callable[[], float],
    ) -> None:
        """`identity_max_age`: the seconds for which a sign-in through a provider counts; None is for ever."""
        self._cookies = cookies
        self._repository = repository
        self._users = users
        self._lifetime = lifetime_seconds
        self._identity_max_age = identity_max_age
        self._clock = clock

    def browser(self, request: web.Request) -> Browser:
        """The browser that sent the request: identified by its cookie, or new."""
        return self._cookies.browser(request)

    def remember_browser(self, response: web.StreamResponse, browser: Browser) -> None:
        """Set the browser's cookie if it is new."""
        self._cookies.remember_browser(response, browser)

    def remember_provider(self, response: web.StreamResponse, provider_id: str) -> None:
        """Offer this identity provider first in this browser."""
        self._cookies.remember_provider(response, provider_id)

    def claimed(self, request: web.Request) -> str:
        """The stored form of the browser's session token, even if the session has ended; empty without one."""
        claimed = self._cookies.session(request)
        return digest(claimed[1]) if claimed is not None else ""

    async def current(self, request: web.Request) -> Session | None:
        """The session of this browser, if it is signed in. Raises RedisUnavailable."""
        session, now = await self._stored(request), self._clock()
        if session is None:
            return None
        max_age = self._identity_max_age
        if session.identity and max_age is not None and now >= session.authenticated_at + max_age:
            return None
        # A page does not fail because its visit could not be noted.
        with suppress(RedisUnavailable):
            await self._repository.mark_seen(session, now=now)
        return session

    async def _stored(self, request: web.Request) -> Session | None:
        claimed = self._cookies.session(request)
        if claimed is None:
            return None
        subject, token = claimed
        return await self._repository.find(subject, digest(token))

    async def sign_in(
        self,
        request: web.Request,
        response: web.StreamResponse,
        *,
        subject: str,
        username: str,
        identity: str = "",
        authenticated_at: float | None = None,
        after: float = 0,
    ) -> bool:
        """Start a session and set its cookie; False if the user was suspended or removed. Raises RedisUnavailable.

        The user has signed in no earlier than `after`, in seconds since 1970 by the clock of any replica: it may be
        ahead of this one. `identity` is the key of the identity by which the user signed in; empty after a password.
        `authenticated_at` is when the user authenticated at the provider of the identity; None is now.

        The user is checked after the session is stored: a suspension after the check finds the session and ends it.
        A session of the same user in this browser is renewed and keeps its token, so that the open pages of the browser
        still work. A session of another user ends, and the new one has a new token: none can be planted beforehand.
        """
        before = await self._stored(request)
        claimed = self._cookies.session(request)
        if before is not None and before.subject == subject and claimed is not None:
            token = claimed[1]
        else:
            token = new_secret()
            if before is not None:
                await self._repository.end(before)
        now = self._clock()
        signed_in_at = now if authenticated_at is None else min(authenticated_at, now)
        session = Session(
            digest(token),
            subject,
            username,
            max(signed_in_at, after),
            identity,
            begun_at=now,
            seen_at=now,
            device=parse_user_agent(request.headers.get("User-Agent", "")),
            address=request.get(CLIENT_ADDRESS, ""),
        )
        await self._repository.begin(session)
        if not await self._users.is_active(subject):
            await self._repository.end(session)
            return False
        self._cookies.set_session(response, subject, token, seconds=self._lifetime)
        self._cookies.remember_user(response, self.browser(request), subject)
        return True

    async def find_by_subject(self, subject: str) -> list[Session]:
        """The sessions of a user, the one that was seen last first. Raises RedisUnavailable."""
        return await self._repository.find_by_subject(subject)

    async def end(self, session: Session) -> None:
        """End the session of another browser. Raises RedisUnavailable."""
        await self._repository.end(session)

    async def sign_out(self, response: web.StreamResponse, session: Session) -> None:
        """End this browser's session. Raises RedisUnavailable."""
        await self._repository.end(session)
        self._cookies.clear_session(response)

    async def sign_out_everywhere(self, response: web.StreamResponse, session: Session) -> None:
        """End all sessions of the user. Raises RedisUnavailable."""
        await self._repository.end_all(session.subject, now=self._clock())
        self._cookies.clear_session(response)
