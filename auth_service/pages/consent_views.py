"""What the consent page says of a client, in records of their own; views.py has the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImitationView:
    """The app whose name a client uses, and a host of that app."""

    app_name: str
    host: str


@dataclass(frozen=True, slots=True)
class AccessLifetimeView:
    """When access ends without the user, in seconds: after this long without use, and after this long in any case."""

    unused: int
    absolute: int
