"""A notice that the account page shows after a redirect, bound to one browser.

The notice carries a MAC under the browser's secret: a link from elsewhere cannot make the page show one.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from auth_service.pages.account_views import AccountNotice

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.sessions.cookies import Browser


def with_notice(address: str, browser: Browser, notice: AccountNotice) -> str:
    """The address of the page that shows the notice."""
    if notice is AccountNotice.NONE:
        return address
    return f"{address}?{urlencode({'notice': notice.value, 'mac': _mac(browser, notice)})}"


def read_notice(request: web.Request, browser: Browser) -> AccountNotice:
    """The notice in the address of a request; NONE without a valid MAC."""
    for notice in AccountNotice:
        if request.query.get("notice") == notice.value and hmac.compare_digest(
            _mac(browser, notice).encode(), request.query.get("mac", "").encode("utf-8", "replace")
        ):
            return notice
    return AccountNotice.NONE


def _mac(browser: Browser, notice: AccountNotice) -> str:
    return browser.csrf(f"notice:{notice.value}")
