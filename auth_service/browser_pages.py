"""The components that every page needs: URLs, renderer and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auth_service.http.urls import Urls
from auth_service.pages.appearance import Appearance
from auth_service.pages.catalogue import ENGLISH, Catalogue, read_catalogue
from auth_service.pages.renderer import Pages
from auth_service.pages.views import HomeView, NotFoundView, ResourceLink
from auth_service.sessions.cookies import SessionCookies
from auth_service.sessions.known_browser import KNOWN_BROWSER_LABEL, KnownBrowsers
from auth_service.sessions.manager import SessionManager
from auth_service.sessions.repository import SessionRepository
from shared.errors import Misconfigured

if TYPE_CHECKING:
    from auth_service.encryption import EncryptionKeys
    from auth_service.runtime import Runtime
    from auth_service.users.service import UserService
    from shared.http.static_page import StaticPage


@dataclass(frozen=True, slots=True)
class BrowserPages:
    """Passed to the wiring of each package that has pages."""

    urls: Urls
    pages: Pages
    sessions: SessionManager
    home: StaticPage
    not_found: StaticPage


def wire_browser_pages(runtime: Runtime, *, users: UserService, encryption_keys: EncryptionKeys) -> BrowserPages:
    """Build the components."""
    settings = runtime.settings
    urls = Urls(settings.issuer, settings.base_path)
    pages = Pages(
        Appearance(
            product_name=settings.product_name,
            accent=settings.brand_color,
            forgot_password=settings.forgot_password,
        ),
        _catalogue(settings.pages_catalogue),
    )
    links = tuple(ResourceLink(resource.name, resource.identifier) for resource in settings.resources)
    return BrowserPages(
        urls=urls,
        pages=pages,
        sessions=SessionManager(
            cookies=SessionCookies(
                secure=not settings.is_local, known=KnownBrowsers(encryption_keys.derive(KNOWN_BROWSER_LABEL))
            ),
            repository=SessionRepository(runtime.redis, lifetime_seconds=settings.session_ttl),
            users=users,
            lifetime_seconds=settings.session_ttl,
            identity_max_age=settings.identity_max_age,
            clock=runtime.clock,
        ),
        home=pages.home(HomeView(urls.account, links)),
        not_found=pages.not_found(NotFoundView(urls.home, urls.account)),
    )


def _catalogue(path: str) -> Catalogue:
    try:
        return read_catalogue(Path(path)) if path else ENGLISH
    except ValueError as exc:
        raise Misconfigured(f"AUTH_PAGES_CATALOGUE: {exc}") from exc
