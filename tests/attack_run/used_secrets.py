"""The secrets that a run uses, and the search for them in what the services say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from tests.support.canaries import CANARIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fuzz.requests import Sent

PARAMETERS = {
    "code", "code_verifier", "refresh_token", "access_token", "id_token_hint", "client_secret", "password",
    "current_password", "new_password",
}  # fmt: skip
LEAST = 16
"""Characters. Shorter values are found by chance."""
TAIL = 24
"""Characters. Of a longer value its end is searched for: tokens begin alike."""
RETURNED = {"client_secret", "Authorization of /register", "id_token_hint"}
"""In accepted answers: a client reads its own record (RFC 7592 section 3); POST /authorize redirects to GET."""


class UsedSecrets:
    """Grows while the run obtains tokens and codes."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        for name, value in CANARIES.items():
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Search for this value from now on, also where it is percent-encoded."""
        if len(value) < LEAST:
            return
        for form in {value, quote(value, safe=""), quote_plus(value)}:
            self._kept[form if len(form) <= 2 * TAIL else form[-TAIL:]] = name

    def add_all(self, requests: Iterable[Sent]) -> None:
        """Add what these requests prove their caller by."""
        for sent in requests:
            for name, value in sent.parameters:
                if name in PARAMETERS:
                    self.add(name, str(value))
            for name, value in sent.headers:
                if name == "Authorization":
                    place = "/register" if sent.path.startswith("/register") else sent.service
                    self.add(f"Authorization of {place}", value.partition(" ")[2])
                elif name == "Cookie":
                    for cookie in re.split("; *", value):
                        self.add(f"cookie {cookie.partition('=')[0]}", cookie.partition("=")[2])

    def found_in(self, text: str) -> set[str]:
        """The names of secrets that the text holds."""
        return {name for value, name in self._kept.items() if value in text}

    def found_in_answer(self, status: int, text: str) -> set[str]:
        """The names of secrets that an answer holds and may not hold."""
        return self.found_in(text) - (RETURNED if status < 400 else set())
