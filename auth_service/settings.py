"""The settings of auth_service: frozen. An unsafe combination is refused at start with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from auth_service.encryption import parse_encryption_keys
from auth_service.federation.configuration import ProviderConfiguration
from auth_service.federation.provider_list import parse_providers
from auth_service.pages.appearance import BrandColour, HelpAddress
from auth_service.protocol.redirect_uri import KNOWN_REDIRECT_SCHEMES, NEVER_SCHEMES
from auth_service.resources.catalogue import ProtectedResource
from shared.configured_url import check_issuer, check_resource, is_loopback_host, path_of
from shared.errors import Misconfigured
from shared.ip_addresses import parse_networks, parse_proxies
from shared.jose.algorithms import Algorithm
from shared.jose.strict_json import parse_json
from shared.settings import ServiceSettings

DAY = 86_400

_RETIRED_SETTINGS: Final = {
    "AUTH_PROCESSES": "was removed: one process is one replica; run several with compose, Kubernetes or systemd "
    "(docs/operations.md)",
    "AUTH_SHARED_EGRESS": "was renamed: use AUTH_RATE_LIMIT_SHARED_NETWORKS",
    "AUTH_REFRESH_GRACE": "was renamed: use AUTH_REFRESH_TOKEN_REUSE_INTERVAL",
    "AUTH_KEY_PROPAGATION": "was renamed: use AUTH_KEY_PUBLISH_LEAD_TIME",
    "AUTH_APP_SCHEMES": "was renamed: use AUTH_REDIRECT_SCHEMES",
    "AUTH_ACCENT": "was renamed: use AUTH_BRAND_COLOR",
    "AUTH_CLIENT_DOCUMENTS": "was renamed: use AUTH_CIMD_ENABLED",
    "AUTH_CLIENT_DOCUMENTS_ALLOW": "was renamed: use AUTH_CIMD_ALLOW",
    "AUTH_CLIENT_DOCUMENTS_DENY": "was renamed: use AUTH_CIMD_DENY",
    "AUTH_CLIENT_DOCUMENTS_LOOPBACK": "was renamed: use AUTH_CIMD_LOOPBACK",
}


class AuthSettings(ServiceSettings):
    """Read from `AUTH_*`. Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="AUTH_", frozen=True, extra="forbid")
    retired_settings: ClassVar[Mapping[str, str]] = _RETIRED_SETTINGS

    issuer: str = Field(description="The issuer of tokens: one https URL (http on a loopback host), no final slash.")
    resources: tuple[ProtectedResource, ...] = Field(
        min_length=1,
        description="The protected resources as a JSON list: identifier, name, described scopes, default scopes. "
        "A scope can require an identity (requires), a resource can name claims for its tokens (docs/access-rules.md).",
    )
    scope_check: Literal["on", "off"] = Field(
        "on",
        description="Whether the scopes in RESOURCES are compared with those that each resource publishes; a "
        "difference is reported and changes nothing.",
    )
    redis_url: SecretStr = Field(
        description="Redis or Valkey: redis://, rediss:// or unix://, +sentinel or +cluster; durable, without eviction."
    )
    key_encryption_key: tuple[SecretStr, ...] = Field(
        min_length=1,
        description="Secrets of 32 bytes, base64url, comma-separated: the first encrypts, all decrypt. "
        "`python -m auth_service check-config --new-key` makes one.",
    )
    host: tuple[str, ...] = Field(("127.0.0.1",), description="Addresses to listen on.")
    port: int = Field(9000, ge=0, le=65_535, description="Port to listen on.")
    reuse_port: bool = Field(
        False, description="Whether several replicas on this machine share the port (SO_REUSEPORT)."
    )
    max_connections: int = Field(
        4096,
        ge=64,
        le=1_000_000,
        description="Maximum number of open connections; the limit of file descriptors may lower it.",
    )
    max_connections_per_network: int = Field(
        256,
        ge=8,
        le=1_000_000,
        description="Maximum number of open connections per IPv4 address or IPv6 /64; TRUSTED_PROXIES are exempt.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Minimum level of log entries.")
    log_format: Literal["json", "console"] = Field("json", description="json, or console for a terminal.")
    drain_seconds: float = Field(
        5,
        ge=0,
        le=300,
        description="How long requests are still accepted after the signal to stop, while /readyz answers 503; longer "
        "than a load balancer takes to detect it.",
    )
    shutdown_seconds: float = Field(10, gt=0, le=300, description="How long requests in flight may take at a stop.")
    store_timeout: float = Field(2, gt=0, le=30, description="Longest wait for one answer of Redis.")

    access_token_ttl: int = Field(3600, ge=60, le=DAY, description="Lifetime of an access token.")
    refresh_token_ttl: int = Field(
        30 * DAY, ge=3600, description="A grant whose refresh token is unused for this long ends."
    )
    refresh_token_absolute_ttl: int = Field(180 * DAY, ge=3600, description="Maximum lifetime of a grant.")
    refresh_token_reuse_interval: int = Field(
        60,
        ge=0,
        le=3600,
        description="How long a replaced refresh token still yields its successor.",
    )
    authorization_code_ttl: int = Field(60, ge=10, le=600, description="Lifetime of an authorization code.")
    interaction_ttl: int = Field(1800, ge=60, le=DAY, description="How long a user may take to sign in and decide.")
    session_ttl: int = Field(12 * 3600, ge=60, description="How long a browser stays signed in.")
    max_grants_per_client: int = Field(
        32,
        ge=1,
        le=1000,
        description="Grants of one user, client and resource; beyond it the least recently used one ends.",
    )

    identity_providers: tuple[ProviderConfiguration, ...] = Field(
        (), description="Identity providers by which users sign in, as a JSON list of objects."
    )
    passwords: Literal["on", "off"] = Field(
        "on", description="Whether users may sign in with a password; off requires an identity provider."
    )
    account_creation: Literal["on", "invited"] = Field(
        "on",
        description="on: a first sign-in through a provider makes an account; invited: only `users add --identity` "
        "does, and users who have an account can link identities.",
    )
    identity_max_age: int | None = Field(
        None, ge=60, description="After this time a user of a provider signs in there again; never when unset."
    )

    redirect_schemes: frozenset[str] = Field(
        KNOWN_REDIRECT_SCHEMES,
        description="Private-use URI schemes accepted in redirect URIs; those of known clients when unset.",
    )
    cimd_enabled: bool = Field(True, description="Whether clients may use client ID metadata documents.")
    cimd_allow: tuple[str, ...] = Field(
        (),
        description="Hosts whose documents are accepted; .example.com matches all below it; empty accepts every host.",
    )
    cimd_deny: tuple[str, ...] = Field((), description="Hosts whose documents are refused, also if they are allowed.")
    cimd_loopback: bool = Field(
        False, description="For development: documents on this machine too, also by http. Requires a loopback issuer."
    )
    assertion_audiences: tuple[str, ...] = Field(
        (),
        description="Further audiences of client assertions: token endpoints that forward to this one, such as "
        "https://tools.example.com/token (docs/forwarding.md).",
    )
    registration_ttl: int = Field(
        90 * DAY, ge=DAY, description="A registration that is unused for this long ends; longer than its grants."
    )
    registration_unused_ttl: int = Field(
        DAY, ge=600, le=30 * DAY, description="How long a registration without a grant is kept."
    )
    registration_budget_bytes: int = Field(
        64 << 20,
        ge=1 << 20,
        description="Bytes of Redis for registrations without a grant, half of them for shared networks; beyond it the "
        "oldest of the network with the most are deleted.",
    )

    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses and networks of your proxies; only their X-Forwarded-For and X-Request-Id are used. "
        "They must replace an X-Request-Id of the client.",
    )
    rate_limit_shared_networks: tuple[str, ...] = Field(
        ("160.79.104.0/21",),
        description="Networks whose addresses are shared by many users and have wider limits; Anthropic's by default.",
    )
    rate_limits: Literal["on", "off"] = Field(
        "on", description="Whether requests are limited; sign-in attempts are delayed in any case."
    )

    product_name: str = Field("Sallyport", min_length=1, max_length=40, description="The name on the pages.")
    brand_color: BrandColour = Field(
        "#17615b", description="The colour of the pages, as #rrggbb; readable shades are derived."
    )
    forgot_password: HelpAddress = Field(
        "",
        description="Where a user who forgot the password gets help: an https URL or a mailto: address, linked on the "
        "sign-in page.",
    )
    pages_catalogue: str = Field(
        "",
        description="The pages in another language: the path of a compiled gettext catalogue (.mo), which names the "
        "language (docs/branding.md).",
    )

    signing_algorithm: Algorithm = Field(
        "RS256", description="Algorithm of the next signing key; takes effect with a rotation."
    )
    key_rotation_interval: int = Field(30 * DAY, ge=60, description="Age at which the signing key is rotated.")
    key_set_max_age: int = Field(300, ge=0, le=DAY, description="max-age of the JWKS.")
    key_publish_lead_time: int | None = Field(
        None,
        ge=0,
        description="How long a new key is published before it signs, for verifiers that do not identify themselves; "
        "twice the max-age when unset.",
    )

    @field_validator("issuer")
    @classmethod
    def _plain_issuer(cls, value: str) -> str:
        return check_issuer(value)

    @field_validator("key_encryption_key")
    @classmethod
    def _strong_encryption_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        try:
            parse_encryption_keys([secret.get_secret_value() for secret in value])
        except Misconfigured as exc:
            raise ValueError(str(exc)) from None
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_proxies(value)
        return value

    @field_validator("rate_limit_shared_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_networks(value)
        return value

    @field_validator("resources", mode="before")
    @classmethod
    def _resources_from_json(cls, value: Any) -> Any:
        if isinstance(value, str):
            return parse_json(value.encode())
        return value

    @field_validator("identity_providers", mode="before")
    @classmethod
    def _providers(cls, value: Any) -> Any:
        return parse_providers(value)

    @field_validator("redirect_schemes")
    @classmethod
    def _harmless_schemes(cls, value: frozenset[str]) -> frozenset[str]:
        for scheme in value:
            if scheme in NEVER_SCHEMES | {"http", "https"} or re.fullmatch(r"[a-z][a-z0-9+.\-]*", scheme) is None:
                raise ValueError(f"{scheme!r} is not a lower-case scheme of an app")
        return value

    @field_validator("cimd_allow", "cimd_deny")
    @classmethod
    def _plain_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if re.fullmatch(r"\.?[a-z0-9\-]+(\.[a-z0-9\-]+)+", host) is None:
                raise ValueError(f"{host!r} is not a lower-case host name, alone or with a leading dot")
        return value

    @field_validator("assertion_audiences")
    @classmethod
    def _plain_audiences(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for audience in value:
            check_resource(audience)
        return value

    @model_validator(mode="after")
    def _safe_together(self) -> Self:
        if self.passwords == "off" and not self.identity_providers:
            raise ValueError("AUTH_PASSWORDS is off, and AUTH_IDENTITY_PROVIDERS is empty: no user could sign in")
        if self.refresh_token_absolute_ttl < self.refresh_token_ttl:
            raise ValueError("AUTH_REFRESH_TOKEN_ABSOLUTE_TTL is shorter than AUTH_REFRESH_TOKEN_TTL")
        if self.refresh_token_ttl < self.access_token_ttl:
            raise ValueError("AUTH_REFRESH_TOKEN_TTL is shorter than AUTH_ACCESS_TOKEN_TTL")
        if self.key_publish_lead_seconds < self.key_set_max_age:
            raise ValueError(
                "AUTH_KEY_PUBLISH_LEAD_TIME is shorter than AUTH_KEY_SET_MAX_AGE: verifiers would refuse tokens of a "
                "key that is not in their cached key set"
            )
        if self.cimd_loopback and not self.is_local:
            raise ValueError("AUTH_CIMD_LOOPBACK is for development: the issuer must be http on a loopback host")
        if self.registration_ttl < self.refresh_token_ttl + DAY:
            raise ValueError(
                "AUTH_REGISTRATION_TTL must be a day longer than AUTH_REFRESH_TOKEN_TTL: clients outlive their grants"
            )
        return self

    @property
    def base_path(self) -> str:
        """The issuer's path, under which every endpoint is mounted; empty, or with a leading slash."""
        return path_of(self.issuer)

    @property
    def is_local(self) -> bool:
        """Whether the issuer is http on a loopback host: cookies are then not Secure."""
        return self.issuer.startswith("http://") and is_loopback_host(
            self.issuer.removeprefix("http://").split("/")[0].rsplit(":", 1)[0].strip("[]")
        )

    @property
    def key_publish_lead_seconds(self) -> int:
        """`key_publish_lead_time` with its default applied."""
        return 2 * self.key_set_max_age if self.key_publish_lead_time is None else self.key_publish_lead_time
