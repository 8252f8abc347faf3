"""The rules for sign-in through a provider, and for scopes that require an identity. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from auth_service.federation.identity import Identity

Texts = Annotated[tuple[str, ...], Field(max_length=500)]


class IdentityConditions(BaseModel):
    """Conditions on an identity. One that matches is enough; an empty record matches nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    everyone: bool = False
    subjects: Texts = ()
    emails: Texts = ()
    """Verified addresses only; compared without regard to case."""
    domains: Texts = ()
    """The organisation's verified domain, or that of a verified address; exactly, not those below it."""
    groups: Texts = ()
    """The groups, by the id that the provider sends."""
    organizations: Texts = ()
    teams: Texts = ()
    """The teams, each as `organization/team`."""
    claims: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The accepted values of each claim; a list claim matches if one of its members does."""

    @property
    def depends_on_groups(self) -> bool:
        """Whether the answer can differ with a group that the provider left out."""
        return bool(self.groups or self.organizations or self.teams)

    def match(self, identity: Identity) -> bool:
        """Whether one of the conditions is met by what the provider stated."""
        return (
            self.everyone
            or identity.subject in self.subjects
            or self._match_address(identity)
            or not self._folded(self.groups).isdisjoint(self._folded(identity.groups))
            or not self._folded(self.organizations).isdisjoint(self._folded(identity.organizations))
            or not self._folded(self.teams).isdisjoint(self._folded(identity.teams))
            or any(_claim_matches(identity.claims.get(name), accepted) for name, accepted in self.claims.items())
        )

    def _match_address(self, identity: Identity) -> bool:
        domains = self._folded(self.domains)
        if identity.domain is not None and identity.domain.lower() in domains:
            return True
        if not identity.email_verified or not identity.email:
            return False
        email = identity.email.lower()
        return email in self._folded(self.emails) or email.rpartition("@")[2] in domains

    @staticmethod
    def _folded(texts: tuple[str, ...]) -> frozenset[str]:
        return frozenset(text.lower() for text in texts)


def refusal(*, allow: IdentityConditions, deny: IdentityConditions, identity: Identity) -> str | None:
    """Why the identity may not sign in, for the log; None if it may. Deny wins.

    Where the provider left groups out, a rule on groups refuses: it cannot be told whether it is met.
    """
    if deny.match(identity):
        return "a deny rule matches"
    if deny.depends_on_groups and not identity.groups_complete:
        return "the provider left groups out, and a deny rule names groups"
    if allow.match(identity):
        return None
    if allow.depends_on_groups and not identity.groups_complete:
        return "the provider left groups out, and no other allow rule matches"
    return f"no allow rule matches{_not_stated(allow, identity)}"


def _not_stated(allow: IdentityConditions, identity: Identity) -> str:
    """The members that rules name and the provider did not state, for the log: often the entry is at fault."""
    missing = sorted(allow.claims.keys() - identity.claims.keys())
    if allow.emails or allow.domains:
        if not identity.email:
            missing.append("an address")
        elif not identity.email_verified:
            missing.append("that the address is verified")
    return f"; the provider did not state {', '.join(missing)}" if missing else ""


def _claim_matches(value: Any, accepted: tuple[str, ...]) -> bool:
    if isinstance(value, list):
        return any(isinstance(member, str) and member in accepted for member in value)
    if isinstance(value, bool):
        return ("true" if value else "false") in accepted
    return isinstance(value, str) and value in accepted
