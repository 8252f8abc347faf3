"""A pseudo-locale: every text in Hebrew letters, from right to left, each word 40 % longer."""

import re
from gettext import NullTranslations

from auth_service.pages.catalogue import Catalogue

_KEPT = re.compile(r"(<[^>]*>|%\(\w+\)s|%%|&\w+;)")
"""Markup and values."""
_LONGER = 1.4
_ALEF, _LETTERS = 0x5D0, 27


class _Pseudo(NullTranslations):
    def gettext(self, message: str) -> str:
        return "".join(part if _KEPT.fullmatch(part) else _words(part) for part in _KEPT.split(message))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


PSEUDO_LANGUAGE = Catalogue(_Pseudo(), language="he")


def _words(text: str) -> str:
    return re.sub(r"[A-Za-z']+", lambda word: _longer(word[0]), text)


def _longer(word: str) -> str:
    letters = [chr(_ALEF + ord(letter) % _LETTERS) for letter in word]
    return "".join(letters[at % len(letters)] for at in range(round(len(letters) * _LONGER + 0.4)))
