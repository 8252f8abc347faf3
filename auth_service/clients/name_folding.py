"""Folds names that look or read alike into the same words, to find imitations. Pure.

The folded text is for comparison only. Unicode Technical Standard 39 has the complete table of confusable characters;
here is the part that imitates Latin letters in common fonts.
"""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Final

from auth_service.pages.formatting import strip_invisible

_STYLES: Final = (
    "LATIN LETTER SMALL CAPITAL",
    "NEGATIVE CIRCLED LATIN CAPITAL LETTER",
    "NEGATIVE SQUARED LATIN CAPITAL LETTER",
    "REGIONAL INDICATOR SYMBOL LETTER",
)
"""Unicode names of capital letters that no normalization reduces. Small capitals have no X."""

_STYLED: Final = {
    ord(unicodedata.lookup(f"{style} {letter}")): letter
    for style in _STYLES
    for letter in string.ascii_uppercase
    if (style, letter) != (_STYLES[0], "X")
}

_LOOKALIKES: Final = _STYLED | str.maketrans(
    # Cyrillic
    "аАвВсСԁеЕһНіІјЈкКӏӀмМпоОрРԛѕЅтТуУѵԝхХ"
    # Greek
    "αΑβΒεΕΖΗιΙκΚΜνΝοΟρΡτΤυΥχΧγω"
    # Armenian, Cherokee, and Latin letters that no normalization reduces
    "օսցհոᎪᏴᏟᎠᎬᎻᏞᎷᏢᏚᎢᏙᎳᏃɑɡıɩłøđ",
    "aAbBcCdeEhHiIjJkKlImMnoOpPqsStTyYvwxXaAbBeEZHiIkKMvNoOpPtTuYxXywoughnABCDEHLMPSTVWZagiilod",
)

_LETTERS_FOR_DIGITS: Final = str.maketrans("013457|!i", "olealtlll")
"""`i`, `l`, `1` and `|` become one letter: sans-serif fonts hardly tell them apart."""

_PAIRS: Final = (("rn", "m"), ("vv", "w"))


def folded_words(name: str) -> tuple[tuple[str, ...], ...]:
    """The folded words of a name, of which none may remain; of one with digits twice: as letters, and left out.

    Case, accents and letters that look alike make no difference; `ChatGPT` is two words, `ChatGPTApp` three.
    """
    decomposed = unicodedata.normalize("NFKD", strip_invisible(name)).translate(_LOOKALIKES)
    letters = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", letters).casefold()
    return tuple(dict.fromkeys((_words(apart), _words(re.sub(r"\d", "", apart)))))


def _words(text: str) -> tuple[str, ...]:
    text = text.translate(_LETTERS_FOR_DIGITS)
    for pair, letter in _PAIRS:
        text = text.replace(pair, letter)
    return tuple(word for word in re.split(r"[\W_]+", text) if word)
