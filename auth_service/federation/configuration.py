"""The entries of `AUTH_IDENTITY_PROVIDERS`: one model for each kind of identity provider (provider_list.py)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from auth_service.federation.access_rules import IdentityConditions
from shared.configured_url import check_issuer, is_loopback_host, origin_of
from shared.jose.algorithms import Algorithm

PROVIDER_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_PROTOCOL_PARAMETERS: Final = frozenset(
    [
        "client_id",
        "client_secret",
        "code_challenge",
        "code_challenge_method",
        "id_token_hint",
        "login_hint",
        "max_age",
        "nonce",
        "prompt",
        "redirect_uri",
        "request",
        "request_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
    ]
)
_TENANT: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Provider(BaseModel):
    """The members that all kinds have."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(description="Part of the callback address: lower-case letters, digits and hyphens.")
    display_name: str = Field(min_length=1, max_length=60, description="The name on the button.")
    allow: IdentityConditions = Field(
        description='The identities that may sign in. {"everyone": true} accepts every account of the provider.'
    )
    deny: IdentityConditions = Field(
        IdentityConditions(), description="The identities that may not, whatever allow says."
    )

    @field_validator("id")
    @classmethod
    def _plain_id(cls, value: str) -> str:
        if PROVIDER_ID.fullmatch(value) is None:
            raise ValueError(f"{value!r} is not 1 to 32 lower-case letters, digits and inner hyphens")
        return value

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, value: Any) -> Any:
        """`client_secret_file` and the like: the name of a file with the value."""
        if not isinstance(value, dict):
            return value
        members = dict(value)
        for name in [n for n in members if n.endswith("_file")]:
            target = name.removesuffix("_file")
            if target in members:
                raise ValueError(f"{target} is given twice, directly and as a file")
            try:
                members[target] = Path(str(members.pop(name))).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as exc:
                raise ValueError(f"{name} cannot be read") from exc
        return members


class OidcProvider(_Provider):
    """OpenID Connect by discovery."""

    kind: Literal["oidc"]
    preset: Literal["google", "entra", "okta", "auth0", "keycloak", "gitlab"] | None = None
    issuer: str | None = Field(None, description="Exactly as the provider writes it; Google, Entra and GitLab know it.")
    tenant: str | None = Field(None, description="Entra: the directory id; or organizations, common or consumers.")
    tenants: tuple[str, ...] = Field((), description="Entra with several tenants: the directory ids that may sign in.")
    client_id: str = Field(min_length=1, max_length=300)
    client_secret: SecretStr | None = None
    private_key: SecretStr | None = Field(None, description="A private key in PEM, for private_key_jwt.")
    private_key_id: str | None = Field(
        None, description="The kid of that key at the provider; for Entra the thumbprint of its certificate."
    )
    assertion_audience: Literal["issuer", "token_endpoint"] | None = Field(
        None, description="What the provider expects as aud of an assertion; by default what its preset says."
    )
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"] | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    response_mode: Literal["query", "form_post"] = "query"
    id_token_algorithms: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")
    authorization_parameters: dict[str, str] = Field(default_factory=dict)
    userinfo: bool | None = Field(
        None, description="Whether claims are read from the userinfo endpoint too; by default what its preset says."
    )
    groups_claim: str | None = None
    email_verified_claim: str | None = Field("email_verified", description="null: addresses count as unverified.")

    @field_validator("tenants")
    @classmethod
    def _directory_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for tenant in value:
            if _TENANT.fullmatch(tenant) is None:
                raise ValueError(f"{tenant!r} is not a directory id (a GUID in lower case)")
        return value

    @field_validator("authorization_parameters")
    @classmethod
    def _not_of_the_protocol(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name in _PROTOCOL_PARAMETERS:
                raise ValueError(f"{name!r} is set by this server")
        return value

    @field_validator("issuer")
    @classmethod
    def _reachable_issuer(cls, value: str | None) -> str | None:
        if value is not None:
            check_provider_url(value)
        return value

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if (self.client_secret is None) == (self.private_key is None):
            raise ValueError("give one of client_secret and private_key, or its _file")
        return self


class GitHubProvider(_Provider):
    """GitHub.com or GitHub Enterprise Server."""

    kind: Literal["github"]
    client_id: str = Field(min_length=1, max_length=300)
    client_secret: SecretStr
    origin: str = Field("https://github.com", description="GitHub Enterprise Server has one of its own.")
    api: str | None = Field(None, description="The root of the API, if it is not the one of the origin.")
    organizations: bool = Field(
        False, description="Read organisations and teams although no rule of this entry names them."
    )

    @field_validator("origin")
    @classmethod
    def _reachable_origin(cls, value: str) -> str:
        return _check_origin(value)

    @field_validator("api")
    @classmethod
    def _reachable_api(cls, value: str | None) -> str | None:
        if value is not None and (check_provider_url(value).endswith("/") or "?" in value):
            raise ValueError(f"{value!r} ends with a slash or has a query")
        return value


class SessionTokens(BaseModel):
    """Sign-in with the session token of a front-end SDK instead of an assertion. Weaker: see SECURITY.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    audience: str = Field(min_length=1, max_length=300, description="The aud of the tokens: the id of the application.")
    origin: str = Field(description="The origin of the page that posts them.")
    max_age: int = Field(60, ge=1, le=3600, description="Seconds since the token was issued.")

    @field_validator("origin")
    @classmethod
    def _origin_of_a_page(cls, value: str) -> str:
        return _check_origin(value)


class ExternalProvider(_Provider):
    """A page of the operator, whose backend signs an assertion."""

    kind: Literal["external"]
    page: str = Field(description="The page that signs the user in.")
    issuer: str = Field(min_length=1, max_length=300, description="The iss of its assertions; need not be a URL.")
    jwks: dict[str, Any] | None = Field(None, description="The public keys, as a JWKS.")
    jwks_uri: str | None = Field(None, description="Or where they are.")
    algorithms: tuple[Algorithm, ...] = ("ES256", "RS256", "EdDSA")
    email_verified: bool = Field(False, description="Whether the claim email_verified of its assertions is believed.")
    accept_session_token: SessionTokens | None = Field(
        None, description="Take session tokens of the issuer instead of assertions. Weaker: see SECURITY.md."
    )

    @field_validator("page", "jwks_uri")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is not None:
            check_provider_url(value)
        return value

    @field_validator("page")
    @classmethod
    def _room_for_our_parameters(cls, value: str) -> str:
        for name in sorted(_PROTOCOL_PARAMETERS.intersection(dict(parse_qsl(urlsplit(value).query)))):
            raise ValueError(f"the query of the page has {name!r}, which is set by this server")
        return value

    @field_validator("jwks")
    @classmethod
    def _public_keys(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        from shared.jose.keys import verification_keys

        if value is not None:
            verification_keys(value)
        return value

    @model_validator(mode="after")
    def _keys(self) -> Self:
        if (self.jwks is None) == (self.jwks_uri is None):
            raise ValueError("give one of jwks and jwks_uri")
        return self


ProviderConfiguration = Annotated[OidcProvider | GitHubProvider | ExternalProvider, Field(discriminator="kind")]


def check_provider_url(value: str) -> str:
    """Return an absolute https URL unchanged (http on a loopback host), or raise ValueError."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as exc:
        raise ValueError("is not a URL") from exc
    if parts.username is not None:
        raise ValueError("is a URL with user information")  # which may be a password: the value is not repeated
    if not parts.hostname or parts.fragment or not value.isascii():
        raise ValueError(f"{value!r} is not an absolute URL without fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname)):
        raise ValueError(f"{value!r} is neither https nor http on a loopback host")
    return value


def _check_origin(value: str) -> str:
    """Return scheme, host and port as a browser writes them in `Origin` (RFC 6454 section 6.2), or raise ValueError."""
    check_issuer(value)
    if origin_of(value) != value:
        raise ValueError(f"{value!r} is not an origin: scheme, host and port only")
    return value
