"""Turns a view into a response: the template, the security headers, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from auth_service.pages.appearance import Appearance
from auth_service.pages.elapsed import ago, timestamp
from auth_service.pages.headers import FormTarget, security_headers
from auth_service.pages.location import Destination, destination_of
from auth_service.pages.stale_registrations import REMEDIES
from auth_service.pages.text import plain_host, short_name, visible
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from auth_service.pages.views import (
        AccountView,
        ConsentView,
        ContinueView,
        ErrorView,
        SignedOutView,
        SignInView,
        UnknownClientView,
    )


class Pages:
    """Renders every page. Holds templates and style sheet, which never change while it lives."""

    def __init__(self, appearance: Appearance = Appearance()) -> None:  # noqa: B008 - frozen
        """Raises ValueError if the accent of the appearance is not a colour."""
        # Our own file, and its hash is of these very characters.
        self._style: Final = Markup(appearance.style_sheet())  # noqa: S704
        self._templates: Final = Environment(
            loader=PackageLoader("auth_service", "pages/templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            # Whatever a template shows has passed here: no view can forget it.
            finalize=lambda value: visible(value) if type(value) is str else value,
        )
        self._templates.filters |= {
            "ago": ago,
            "plain_host": plain_host,
            "short_name": short_name,
            "timestamp": timestamp,
        }
        self._templates.globals |= {"product_name": appearance.product_name, "accent": appearance.accent}

    def sign_in(self, view: SignInView, status: int = 200) -> web.Response:
        """The sign-in form. `status` tells programs why it is shown again; people read `view.problem`."""
        return self._render("sign_in.html", {"view": view}, status=status, form_target="'self'")

    def consent(self, view: ConsentView) -> web.Response:
        """The decision (invariant 7: the redirect's host is on it, whatever the client)."""
        return self._render("consent.html", {"view": view}, form_target="'self'")

    def continue_to(self, view: ContinueView) -> web.Response:
        """A page that goes on to the client by itself, without a redirect that a browser could block.

        Raises ServiceUnavailable if the address is one that no check should have let through.
        """
        destination = _checked(view.location)
        context = {"view": view, "stays_open": destination is Destination.APP, "destination": destination.value}
        return self._render("continue.html", context)

    def error(self, view: ErrorView) -> web.Response:
        """A refusal, with its reference.

        Raises ServiceUnavailable for an onward address that no check should have let through.
        """
        if view.onward:
            _checked(view.onward)
        return self._render("error.html", {"view": view}, status=view.status)

    def unknown_client(self, view: UnknownClientView) -> web.Response:
        """How to clear a stale registration, client by client (interop.md A18)."""
        return self._render("unknown_client.html", {"view": view, "remedies": REMEDIES}, status=view.status)

    def account(self, view: AccountView, status: int = 200) -> web.Response:
        """The person's own page: outside the flow of any client, so it shares no window with one."""
        return self._render("account.html", {"view": view}, status=status, form_target="'self'", keep_opener=False)

    def signed_out(self, view: SignedOutView) -> web.Response:
        """The end of a session."""
        return self._render("signed_out.html", {"view": view}, keep_opener=False)

    def _render(
        self,
        template: str,
        context: dict[str, Any],
        *,
        status: int = 200,
        form_target: FormTarget = "'none'",
        keep_opener: bool = True,
    ) -> web.Response:
        style = self._style
        return web.Response(
            text=self._templates.get_template(template).render(context, style=style),
            status=status,
            content_type="text/html",
            charset="utf-8",
            headers=security_headers(style=style, form_target=form_target, keep_opener=keep_opener),
        )


def _checked(location: str) -> Destination:
    try:
        return destination_of(location)
    except ValueError as exc:
        raise ServiceUnavailable(str(exc), error_id="onward_location") from exc
