"""New passwords: the rules for chosen ones (NIST SP 800-63B section 5.1.1.2), and generated ones.

The rules are pure: a minimum length, and no guessable ones. No rule requires digits, capitals or symbols, and no
password expires: both lead to worse passwords.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from auth_service.texts import Text, message
from auth_service.users.passwords import MAX_PASSWORD_LENGTH
from auth_service.users.user import lookup_name

MIN_PASSWORD_LENGTH: Final = 10
_MIN_DIFFERENT: Final = 5
_MIN_NAME: Final = 4

_KEYBOARD: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
)
_LOOK_ALIKES: Final = str.maketrans("@430!1$5+7", "aaeoiisstt")

_GENERATED: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""The characters of generated passwords: none that look alike."""


class WeakPassword(ValueError):
    """The password is rejected. The text says what to do, for the user, and never contains the password."""

    def __init__(self, public: Text) -> None:
        super().__init__(public)
        self.public = public


def check_new_password(password: str, *, username: str, service_words: tuple[str, ...] = ("sallyport",)) -> None:
    """Raise WeakPassword if the password violates a rule."""
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(password) > MAX_PASSWORD_LENGTH:
        raise WeakPassword(message("Choose a shorter password: at most %(most)s characters.", most=MAX_PASSWORD_LENGTH))
    if len(password) < MIN_PASSWORD_LENGTH:
        raise WeakPassword(
            message("Choose a longer password: at least %(least)s characters.", least=MIN_PASSWORD_LENGTH)
        )
    if len(set(folded)) < _MIN_DIFFERENT or _is_repetition(folded):
        raise WeakPassword(message("Choose another password: this one repeats the same few characters."))
    if _is_sequence(folded):
        raise WeakPassword(message("Choose another password: this one is a row of the alphabet or the keyboard."))
    for word in (lookup_name(username), *service_words):
        if len(word) >= _MIN_NAME and word in folded and len(folded) - len(word) < MIN_PASSWORD_LENGTH:
            raise WeakPassword(message("Choose another password: this one is mostly a name that is easy to guess."))
    if lookup_name(username) == folded or _bases(folded) & _common():
        raise WeakPassword(message("Choose another password: this one is too common, and attackers try it first."))


def generate_password() -> str:
    """A new password of four groups of five characters, joined by dashes: about 98 bits of entropy."""
    return "-".join("".join(secrets.choice(_GENERATED) for _ in range(5)) for _ in range(4))


def _is_repetition(text: str) -> bool:
    """Whether the text repeats a unit of at most a third of its length."""
    return any(
        len(text) >= 3 * size and (text[:size] * (len(text) // size + 1)).startswith(text)
        for size in range(1, len(text) // 3 + 1)
    )


def _is_sequence(text: str) -> bool:
    plain = re.sub(r"[\W_]", "", text)
    return len(plain) > 0 and any(plain in row * 2 or plain in row[::-1] * 2 for row in _KEYBOARD)


def _bases(folded: str) -> set[str]:
    """The text itself, and its forms without decoration: `P@ssw0rd2024!` yields `password`."""
    bases: set[str] = set()
    for text in (folded, folded.translate(_LOOK_ALIKES)):
        bare = re.sub(r"[\W_]", "", text)
        bases |= {text, bare, bare.strip("0123456789"), re.sub(r"[\d\W_]+$", "", text)}
        # Decoration is removed before look-alikes inside the word are replaced: `Passw0rd123!!`.
        stripped = re.sub(r"^[\d\W_]+|[\d\W_]+$", "", folded).translate(_LOOK_ALIKES)
        bases |= {stripped, re.sub(r"[\W_]", "", stripped)}
    doubled = {b[: len(b) // 2] for b in bases if len(b) % 2 == 0 and b[: len(b) // 2] * 2 == b}
    return bases | doubled


@cache
def _common() -> frozenset[str]:
    text = (resources.files("auth_service.users") / "common_passwords.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
