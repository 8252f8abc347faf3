"""Recognises a browser that has completed a sign-in here, before the user has signed in again. Pure.

Its cookie is `<subject>.<MAC>`. The MAC covers the secret of the browser's own cookie, under a key that is not in
Redis: nothing is stored for it, no other party can make one, and it counts in one browser only. It signs no user in; it
selects the rate limits that apply (rate_limits/policy.py).
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from auth_service.protocol.opaque import mac
from shared.jose import base64url

KNOWN_BROWSER_LABEL: Final = b"sallyport browser that signed in before v1"
"""The label of the MAC keys (EncryptionKeys.derive)."""

SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class KnownBrowsers:
    """Writes and reads the value of the cookie."""

    def __init__(self, mac_keys: tuple[bytes, ...]) -> None:
        """The first key computes MACs; all keys verify them, so that keys can be rotated."""
        self._keys = mac_keys

    def write(self, browser_secret: str, subject: str) -> str:
        """The value for a browser in which this user has signed in."""
        return f"{subject}.{_mac(self._keys[0], browser_secret, subject)}"

    def read(self, browser_secret: str, unverified: str) -> str:
        """The subject of the user who signed in in this browser; empty if the value was not made for it."""
        subject, _, unverified_mac = unverified.partition(".")
        if not SUBJECT.fullmatch(subject):
            return ""
        presented = unverified_mac.encode("utf-8", "replace")
        valid = any(hmac.compare_digest(presented, _mac(key, browser_secret, subject).encode()) for key in self._keys)
        return subject if valid else ""


def _mac(key: bytes, browser_secret: str, subject: str) -> str:
    return base64url.encode(mac(key, "known-browser", browser_secret, subject))
