"""Which changes of a good request make it one that must be refused, whatever else is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack_run.used_secrets import PARAMETERS

if TYPE_CHECKING:
    from tests.fuzz.requests import Sent

PROOFS = (PARAMETERS - {"id_token_hint"}) | {"csrf"}
"""Parameters that prove something: a wrong or missing one is never accepted."""
UNKNOWN_METHODS = {"BREW", "TRACE", "PATCH", "get"}


def must_be_refused(good: Sent, sent: Sent) -> bool:
    """Whether the changed request lacks a proof that the good one has, or is none that any endpoint takes."""
    if sent.malformed:
        return False  # it may be whole nevertheless
    if sent.method in UNKNOWN_METHODS:
        return True
    if "Authorization" in dict(good.headers) and "Authorization" not in dict(sent.headers):
        return True
    is_replaced = sent.body is not None and good.method in {"POST", "PUT"}
    before, after = ({n: v for n, v in one.parameters if n in PROOFS} for one in (good, sent))
    return is_replaced or any(after.get(name) != value for name, value in before.items())
