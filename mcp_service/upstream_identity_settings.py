"""The identity that the server behind the guard is told: its settings, and which of them an address may have."""

from __future__ import annotations

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from shared.access_tokens.profile import RESERVED_CLAIMS
from shared.configured_url import is_loopback_host
from shared.ip_addresses import PRIVATE_NETWORKS, IPNetwork, is_in, parse_ip_address, parse_networks
from shared.settings import ServiceSettings

DAY: Final = 86_400

_ALL_PRIVATE: Final = "true"
_CLAIM: Final = re.compile(r"[A-Za-z0-9]+([_.-][A-Za-z0-9]+)*")
_MAX_CLAIM_CHARACTERS: Final = 60


class UpstreamIdentitySettings(ServiceSettings):
    """The part of McpSettings for docs/who-calls.md. Durations are in seconds."""

    upstream_identity: Literal["headers", "assertion", "none"] = Field(
        "headers",
        description="How the server behind MCP_UPSTREAM learns who calls: Sallyport-* headers, for a loopback or "
        "private address only; an assertion signed for each request; or not at all (docs/who-calls.md).",
    )
    upstream_private: tuple[str, ...] = Field(
        (),
        description="Networks of yours in which the server may get Sallyport-* headers; true for every private "
        "network. Loopback always may. The address of each connection is checked.",
    )
    upstream_claims: tuple[str, ...] = Field(
        (), max_length=16, description="Claims of the access token that the server is told too, such as email,groups."
    )
    upstream_audience: str | None = Field(
        None, min_length=1, max_length=500, description="The audience of assertions; MCP_UPSTREAM when unset."
    )
    state_dir: str | None = Field(
        None,
        description="The directory of the keys that sign assertions; they are made at the first start. Replicas "
        "share it.",
    )
    upstream_key: SecretStr | None = Field(
        None,
        description="Instead of STATE_DIR: a private JWK (P-256) that signs assertions, or a JWKS whose "
        "first key signs and whose others are published.",
    )
    upstream_key_rotation_interval: int = Field(
        30 * DAY,
        ge=0,
        le=3650 * DAY,
        description="The age at which the key in STATE_DIR is replaced; 0 leaves that to `keys rotate`.",
    )

    @field_validator("upstream_private")
    @classmethod
    def _private_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_networks(text for text in value if text != _ALL_PRIVATE)
        return value

    @field_validator("upstream_claims")
    @classmethod
    def _claims_about_the_user(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        folded = [re.sub(r"[_.]", "-", claim.lower()) for claim in value]
        for claim in value:
            if claim in RESERVED_CLAIMS:
                raise ValueError(f"{claim!r} tells nothing about the user: what the server needs of it is always told")
            if _CLAIM.fullmatch(claim) is None or len(claim) > _MAX_CLAIM_CHARACTERS:
                raise ValueError(f"{claim!r} cannot be told: letters and digits, with single - _ . between them")
        if len(set(folded)) != len(folded):
            raise ValueError("two of the claims would have the same header")
        return value

    @property
    def private_networks(self) -> tuple[IPNetwork, ...]:
        """The networks beside loopback that may get the headers."""
        named = parse_networks(text for text in self.upstream_private if text != _ALL_PRIVATE)
        return (*PRIVATE_NETWORKS, *named) if _ALL_PRIVATE in self.upstream_private else named

    def check_identity(self, upstream: str) -> None:
        """Refuse a server that must not get what is configured (invariant 14). Raises ValueError."""
        if self.upstream_identity == "headers" and not _may_be_private(upstream, self.private_networks):
            raise ValueError(
                "MCP_UPSTREAM is not on a loopback or private address, so that others could send it Sallyport-* "
                "headers: set MCP_UPSTREAM_IDENTITY to assertion (signed) or to none; or, if only this service "
                "reaches it, set MCP_UPSTREAM_PRIVATE to its network, or to true for every private one"
            )
        if self.upstream_identity == "assertion" and (self.state_dir is None) == (self.upstream_key is None):
            raise ValueError(
                "MCP_UPSTREAM_IDENTITY=assertion needs a key: either MCP_STATE_DIR or MCP_UPSTREAM_KEY_FILE"
            )


def _may_be_private(upstream: str, networks: tuple[IPNetwork, ...]) -> bool:
    """Whether the host may turn out to be private. The address that a name leads to is checked at each connection."""
    parts = urlsplit(upstream)
    host = parts.hostname or ""
    address = parse_ip_address(host)
    if is_loopback_host(host):
        return True
    return bool(networks) if address is None else is_in(address, networks)
