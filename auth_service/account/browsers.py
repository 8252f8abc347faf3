"""The browsers in which the user is signed in, and the form that signs one of them out."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent
from auth_service.pages.account_views import AccountNotice, BrowserView

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.account.page import AccountPage
    from auth_service.audit.log import AuditLog
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


def browser_views(sessions: Iterable[Session], *, current: Session) -> Iterator[BrowserView]:
    """This browser first, whether it is among the sessions or not; then the others in their order."""
    others = [session for session in sessions if session.token_hash != current.token_hash]
    for session in (current, *others):
        is_this = session is current
        yield BrowserView(
            handle=session.handle,
            browser=session.device.browser,
            system=session.device.system,
            address=session.address,
            since=session.begun_at,
            seen=session.seen_at,
            is_this=is_this,
        )


class BrowserEndpoint:
    """POST /account/sign-out-browser."""

    def __init__(self, *, page: AccountPage, sessions: SessionManager, audit: AuditLog) -> None:
        self._page = page
        self._sessions = sessions
        self._audit = audit

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """End the session that the handle names, if it is another one of this user."""
        visit = await self._page.visit(request)
        if visit is None:
            return self._page.to_sign_in()
        current = visit.session
        unverified_handle = (visit.form.get("session") or "").encode("utf-8", "replace")
        for session in await self._sessions.find_by_subject(current.subject):
            if hmac.compare_digest(session.handle.encode(), unverified_handle) and session.handle != current.handle:
                await self._sessions.end(session)
                self._audit.record(
                    AuditEvent.USER_SIGNED_OUT,
                    user=current.subject,
                    username=current.username,
                    reason="by the user, in another browser",
                )
                return self._page.to_page(visit.browser, AccountNotice.BROWSER_SIGNED_OUT)
        return self._page.to_page(visit.browser)
