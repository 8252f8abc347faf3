"""An interaction: an authorization request waiting for the person, bound to one browser.

Its identifier becomes the grant's identifier when the person approves, so that deciding and granting
are one atomic step on one slot of the store (invariant 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.authorization.request import AuthorizationRequest


class Decision(StrEnum):
    """What the person said."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request under way. `nonce` goes into the code; `decision` is None until the person decided."""

    identifier: str
    browser_hash: str
    nonce: str
    started_at: int
    request: AuthorizationRequest
    decision: Decision | None = None
