"""The catalogue of the pages' texts: gettext messages, in which values stand as `%(name)s`.

Templates write `{% trans %}`; code that chooses a text for a page makes a `Text` (texts.py), which is translated where
a template shows it. Translations are HTML and trusted; values are not: they are escaped, and invisible characters are
stripped (interop.md F20), as in every other output of a template.
"""

from __future__ import annotations

import re
import struct
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import pass_context
from markupsafe import Markup

from auth_service.pages.formatting import strip_invisible
from auth_service.texts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment
    from jinja2.runtime import Context

_RIGHT_TO_LEFT: Final = frozenset({"ar", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


class Catalogue:
    """The texts in one language."""

    def __init__(self, translations: NullTranslations, *, language: str) -> None:
        """`language` is a tag of BCP 47, such as `pt-BR`."""
        self.language = language
        self.direction = "rtl" if language.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"
        self._translations = translations

    def translate(self, text: Text) -> Markup:
        """The text in this language."""
        if text.many:
            return self._filled(self._translations.ngettext(text.id, text.many, text.number), text.values)
        return self._filled(self._translations.gettext(text.id), text.values)

    def safe(self, value: Any) -> Any:
        """Applied to every value that a template shows: translated or without invisible characters."""
        if isinstance(value, Text):
            return self.translate(value)
        return strip_invisible(value) if type(value) is str else value

    def install(self, environment: Environment) -> None:
        """Let the templates of an environment with the extension `jinja2.ext.i18n` use the catalogue."""

        @pass_context
        def gettext(_context: Context, text: str, /, **values: Any) -> Markup:
            return self._filled(self._translations.gettext(text), values)

        @pass_context
        def ngettext(_context: Context, one: str, many: str, number: int, /, **values: Any) -> Markup:
            return self._filled(self._translations.ngettext(one, many, number), {"num": number} | values)

        environment.newstyle_gettext = True  # type: ignore[attr-defined]  # of the extension
        environment.policies["ext.i18n.trimmed"] = True
        environment.finalize = self.safe
        environment.globals |= {
            "gettext": gettext,
            "ngettext": ngettext,
            "language": self.language,
            "direction": self.direction,
        }

    def _filled(self, text: str, values: Mapping[str, Any]) -> Markup:
        shown = {name: self.safe(value) for name, value in values.items()}
        return Markup(text) % shown  # noqa: S704 - of the catalogue; the values are escaped


ENGLISH: Final = Catalogue(NullTranslations(), language="en")


def read_catalogue(path: Path) -> Catalogue:
    """Read a compiled catalogue (`.mo`), which names its language in its header.

    Raises ValueError with the reason for a file that cannot be used, such as one with a value in a translation that
    its English text does not have: a page would fail with it.
    """
    try:
        with path.open("rb") as file:
            translations = GNUTranslations(file)
    except (OSError, ValueError, LookupError, struct.error) as exc:
        raise ValueError(f"{path} is not a compiled gettext catalogue: {exc}") from exc
    language = translations.info().get("language", "").replace("_", "-")
    if _LANGUAGE.fullmatch(language) is None:
        raise ValueError(f"{path} has no header Language with a language such as de or pt_BR")
    # The library has no public way to list what it read; a catalogue without entries has none to check.
    for text, translation in getattr(translations, "_catalog", {}).items():
        english = text[0] if isinstance(text, tuple) else text
        if english:
            _check_values(english, translation, path)
    return Catalogue(translations, language=language)


def _check_values(english: str, translation: str, path: Path) -> None:
    known = {"num", *re.findall(r"%\((\w+)\)s", english)}
    rest = re.sub(r"%%|%\((\w+)\)s", lambda found: "" if found[1] is None or found[1] in known else "%", translation)
    if "%" in rest:
        raise ValueError(f"{path}: the values in the translation {translation!r} are not those of the text")
