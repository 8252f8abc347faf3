"""The catalogue of the pages' texts: gettext messages, in which values stand as `%(name)s`.

Templates write `{% trans %}`. Code that chooses a text for a page keeps the English sentence as its id, marked with
`message`, so that the catalogue finds it. Values are untrusted: they are escaped, and invisible characters are
stripped (interop.md F20), as in every other output of a template.
"""

from __future__ import annotations

from collections.abc import Callable
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

from jinja2 import pass_context
from markupsafe import Markup

from auth_service.pages.formatting import strip_invisible

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

    Text = Callable[..., Markup]


def message(text: str) -> str:
    """Mark a text of a page as an id of the catalogue; it is translated where the page is rendered."""
    return text


def install_texts(environment: Environment, translations: NullTranslations) -> None:
    """Let the templates of an environment with the extension `jinja2.ext.i18n` use a catalogue."""

    @pass_context
    def gettext(_context: Context, text: str, /, **values: Any) -> Markup:
        return _filled(translations.gettext(text), values)

    @pass_context
    def ngettext(_context: Context, one: str, many: str, number: int, /, **values: Any) -> Markup:
        return _filled(translations.ngettext(one, many, number), {"num": number} | values)

    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # of the extension
    environment.globals |= {"gettext": gettext, "ngettext": ngettext}


def _filled(text: str, values: dict[str, Any]) -> Markup:
    shown = {name: strip_invisible(value) if type(value) is str else value for name, value in values.items()}
    return Markup(text) % shown  # noqa: S704 - of the catalogue; the values are escaped
