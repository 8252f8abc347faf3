"""The group of components that the wiring of other packages gets: grants, and what decisions about them use.

auth_service/wiring.py builds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.grants.refresh_token_format import RefreshTokenFormat
    from auth_service.grants.repository import GrantRepository
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.users.service import UserService


@dataclass(frozen=True, slots=True)
class GrantComponents:
    """Passed to the wiring of each package that makes, reads or ends grants."""

    repository: GrantRepository
    refresh_tokens: RefreshTokenFormat
    users: UserService
    resources: ResourceCatalogue
    audit: AuditLog
