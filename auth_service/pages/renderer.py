"""Renders a view as a response: template and security headers."""

from __future__ import annotations

import re
from enum import Enum
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from auth_service.pages.appearance import Appearance
from auth_service.pages.catalogue import ENGLISH, Catalogue
from auth_service.pages.client_reset_instructions import RESET_INSTRUCTIONS
from auth_service.pages.formatting import duration, first_letter, plain_host, relative_time, short_name, timestamp
from shared.configured_url import is_loopback_host
from shared.errors import ServiceUnavailable
from shared.http.page_headers import FormTarget, security_headers
from shared.http.static_page import StaticPage

if TYPE_CHECKING:
    from auth_service.pages.account_views import AccountView, SignedOutView
    from auth_service.pages.consent_views import ConsentView
    from auth_service.pages.views import (
        ContinueView,
        ErrorView,
        HomeView,
        NotFoundView,
        ProviderRedirectView,
        SignInView,
        UnknownClientView,
        UserRefusedView,
    )


_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x3B\x3D\x3F-\x7E]+")
"""A scheme, then the printable ASCII of an encoded URI: no double quotes, angle brackets or blanks."""

_RUNS_CODE: Final = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "view-source"})


class Destination(Enum):
    """The kind of target that a location opens."""

    WEBSITE = "website"
    LOCAL_PROGRAM = "local program"
    """A program that listens on this device and responds with a page of its own."""
    APP = "app"
    """Another program opens; the browser stays on this page, which the user then closes."""


class Pages:
    """Renders every page. Templates and style sheet are loaded once."""

    def __init__(
        self,
        appearance: Appearance = Appearance(),  # noqa: B008 - frozen
        catalogue: Catalogue = ENGLISH,
    ) -> None:
        """Raises ValueError if the accent of the appearance is not a colour."""
        # A file of the package; the Content-Security-Policy contains the hash of exactly this text.
        self._style: Final = Markup(appearance.style_sheet())  # noqa: S704
        self._show_password: Final = Markup(  # noqa: S704 - as above
            resources.files("auth_service.pages").joinpath("static/show_password.js").read_text("utf-8")
        )
        self._templates: Final = Environment(
            loader=PackageLoader("auth_service", "pages/templates"),
            autoescape=True,
            extensions=["jinja2.ext.i18n"],
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        catalogue.install(self._templates)
        self._templates.filters |= {
            "duration": duration,
            "first_letter": first_letter,
            "plain_host": plain_host,
            "relative_time": relative_time,
            "short_name": short_name,
            "timestamp": timestamp,
        }
        self._templates.globals |= {
            "product_name": appearance.product_name,
            "accent": appearance.accent,
            "forgot_password": appearance.forgot_password,
        }

    def sign_in(self, view: SignInView, status: int = 200) -> web.Response:
        """The sign-in form. `status` tells programs why it is shown again; `view.problem` tells the user."""
        script = self._show_password if view.passwords else ""
        return self._render("sign_in.html", {"view": view}, status=status, form_target="'self'", script=script)

    def consent(self, view: ConsentView, status: int = 200) -> web.Response:
        """The consent page (invariant 7: it names the redirect's host for every client)."""
        return self._render("consent.html", {"view": view}, status=status, form_target="'self'")

    def continue_to(self, view: ContinueView) -> web.Response:
        """A page that navigates to the client by itself, without a redirect that a browser could block.

        Raises ServiceUnavailable for a location that the checks of redirect URIs should have rejected.
        """
        destination = _checked(view.location)
        context = {"view": view, "stays_open": destination is Destination.APP, "destination": destination.value}
        return self._render("continue.html", context)

    def to_provider(self, view: ProviderRedirectView) -> web.Response:
        """A page that navigates to an identity provider by itself: it may redirect further, which a form could not.

        Raises ServiceUnavailable for a location that is no web address.
        """
        if _checked(view.location) is Destination.APP:
            raise ServiceUnavailable("the address of the provider is no web address", error_id="onward_location")
        return self._render("to_provider.html", {"view": view})

    def error(self, view: ErrorView) -> web.Response:
        """An error, with its request id.

        Raises ServiceUnavailable for an onward location that the checks of redirect URIs should have rejected.
        """
        if view.onward:
            _checked(view.onward)
        return self._render("error.html", {"view": view}, status=view.status)

    def user_refused(self, view: UserRefusedView) -> web.Response:
        """The signed-in user cannot decide. Raises ServiceUnavailable as `error` does."""
        _checked(view.onward)
        return self._render("user_refused.html", {"view": view}, status=403, form_target="'self'")

    def unknown_client(self, view: UnknownClientView) -> web.Response:
        """Instructions for clearing a stale registration (interop.md A18)."""
        return self._render(
            "unknown_client.html", {"view": view, "instructions": RESET_INSTRUCTIONS}, status=view.status
        )

    def account(self, view: AccountView, status: int = 200) -> web.Response:
        """The account page: not part of a client's flow, so it keeps no opener."""
        return self._render("account.html", {"view": view}, status=status, form_target="'self'", keep_opener=False)

    def signed_out(self, view: SignedOutView) -> web.Response:
        """The end of a session."""
        return self._render("signed_out.html", {"view": view}, keep_opener=False)

    def home(self, view: HomeView) -> StaticPage:
        """The page about this service, for a user who enters its URL."""
        return self._static("home.html", view)

    def not_found(self, view: NotFoundView) -> StaticPage:
        """The page for an unknown address. It is static, and so has no request id."""
        return self._static("not_found.html", view)

    def _static(self, template: str, view: HomeView | NotFoundView) -> StaticPage:
        page = self._render(template, {"view": view}, keep_opener=False)
        return StaticPage((page.text or "").encode(), dict(page.headers))

    def _render(
        self,
        template: str,
        context: dict[str, Any],
        *,
        status: int = 200,
        form_target: FormTarget = "'none'",
        keep_opener: bool = True,
        script: str = "",
    ) -> web.Response:
        style = self._style
        return web.Response(
            text=self._templates.get_template(template).render(context, style=style, script=script),
            status=status,
            content_type="text/html",
            charset="utf-8",
            headers=security_headers(style=style, form_target=form_target, keep_opener=keep_opener, script=script),
        )


def destination_of(location: str) -> Destination:
    """The kind of target. Raises ValueError for a location that registration should have rejected."""
    scheme = location.partition(":")[0].lower()
    if _ADDRESS.fullmatch(location) is None or scheme in _RUNS_CODE:
        raise ValueError(f"{scheme!r:.30} is not an address to continue to")
    if scheme not in {"http", "https"}:
        return Destination.APP
    host = urlsplit(location).hostname
    if not host:
        raise ValueError("the address to continue to has no host")
    return Destination.LOCAL_PROGRAM if is_loopback_host(host) else Destination.WEBSITE


def _checked(location: str) -> Destination:
    try:
        return destination_of(location)
    except ValueError as exc:
        raise ServiceUnavailable(str(exc), error_id="onward_location") from exc
