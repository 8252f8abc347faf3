"""The evidence of one run: a frozen record, filled by the probes and read by the rules.

A field that is None was not examined; an `HttpExchange` with a failure was attempted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sallyport_doctor.addresses import Reach, is_absolute, origin_of, path_of, resource_metadata_path_form
from sallyport_doctor.challenge import Challenge, bearer_challenge

if TYPE_CHECKING:
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.login_evidence import LoginEvidence, RegistrationEvidence, TokenEvidence

HttpExchanges = Mapping[str, "HttpExchange"]


class ExaminationError(Exception):
    """The server cannot be examined. The message is shown to the user; the command exits with status 2."""


@dataclass(frozen=True, slots=True)
class TlsEvidence:
    """One TLS handshake. `problem` is empty when it succeeded; times are in seconds since 1970."""

    problem: str = ""
    """untrusted, expired, wrong-name or failed."""
    detail: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class HostEvidence:
    """A host of the server, with its addresses."""

    host: str
    addresses: tuple[str, ...] = ()
    reach: Reach = Reach.PUBLIC
    tls: TlsEvidence | None = None

    @property
    def has_ipv4(self) -> bool:
        """Whether one of the addresses is IPv4."""
        return any(":" not in a for a in self.addresses)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence of a run; exchanges by a name of the request."""

    url: str
    """The URL that the user entered, with a scheme."""
    now: float
    """The time of the examination, in seconds since 1970."""
    scheme_assumed: bool = False
    """Whether the user left the scheme out."""
    hosts: tuple[HostEvidence, ...] = ()
    mcp: HttpExchanges = field(default_factory=dict)
    """Requests to the MCP endpoint without a valid token: tools/list, initialize, server/discover, and variants."""
    other_urls: HttpExchanges = field(default_factory=dict)
    """The opening request to other URLs of the server, sent only if there may be no endpoint at the entered one.

    By origin of the URL: metadata (which names it), usual (the path /mcp).
    """
    resource_metadata: HttpExchanges = field(default_factory=dict)
    """The exchanges by form: named (by the challenge), path, root."""
    server_metadata: HttpExchanges = field(default_factory=dict)
    """The exchanges by form: oauth, openid, openid-appended, at-resource."""
    key_set: HttpExchange | None = None
    cors: HttpExchanges = field(default_factory=dict)
    oauth_endpoints: HttpExchanges = field(default_factory=dict)
    """Requests of an unknown client to the token and authorization endpoints."""
    user_agents: HttpExchanges = field(default_factory=dict)
    registration: RegistrationEvidence | None = None
    login: LoginEvidence | None = None
    supplied_token: TokenEvidence | None = None
    """The token of --token, which is not sent to any server."""

    @property
    def reach(self) -> Reach:
        """The reach of the endpoint's host."""
        return self.hosts[0].reach if self.hosts else Reach.PUBLIC

    @property
    def unauthenticated_response(self) -> HttpExchange | None:
        """The response to tools/list without a token, which should carry the challenge."""
        return self.mcp.get("tools/list")

    @property
    def no_endpoint(self) -> bool:
        """Whether every response at the entered URL is one of a web server without an MCP endpoint there."""
        return bool(self.mcp) and all(_is_of_web_server(e) for name, e in self.mcp.items() if name != "slash variant")

    @property
    def named_by_metadata(self) -> bool:
        """Whether the resource metadata names the entered URL, give or take a trailing slash."""
        resource = (self.prm or {}).get("resource")
        return isinstance(resource, str) and resource.rstrip("/") == self.url.rstrip("/")

    @property
    def endpoint_elsewhere(self) -> str | None:
        """Another URL where an MCP endpoint responds; None unless there is none at the entered one."""
        candidates = [self.other_urls.get("metadata"), self.mcp.get("slash variant")]
        if not self.named_by_metadata:
            candidates.append(self.other_urls.get("usual"))
        found = next((e.url for e in candidates if e is not None and e.answers_as_mcp), None)
        return found if self.no_endpoint else None

    @property
    def challenge(self) -> Challenge | None:
        """The Bearer challenge of the 401; None when there is none."""
        response = self.unauthenticated_response
        if response is None or response.status != 401:
            return None
        return bearer_challenge(response.header("WWW-Authenticate"))

    @property
    def accepts_with_origin(self) -> bool:
        """Whether a request with an Origin header is accepted where one without gets 403."""
        response = self.mcp.get("with origin")
        return response is not None and response.status != 403

    @property
    def prm(self) -> Mapping[str, Any] | None:
        """The protected resource metadata that a client would use: of the challenge, else path form, else root form."""
        for form in ("named", "path", "root"):
            exchange = self.resource_metadata.get(form)
            if exchange is not None and exchange.ok and exchange.document is not None:
                return exchange.document
        return None

    @property
    def requested_issuer(self) -> str | None:
        """The issuer whose metadata was requested: the first authorization server, else the origin of the endpoint."""
        prm = self.prm
        if prm is None:
            return origin_of(self.url) if is_absolute(self.url) else None
        servers = prm.get("authorization_servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], str):
            return servers[0]
        return None

    @property
    def metadata_exchange(self) -> HttpExchange | None:
        """The exchange with the authorization server metadata that a client would use."""
        for form in ("oauth", "openid", "openid-appended", "at-resource"):
            exchange = self.server_metadata.get(form)
            if exchange is not None and exchange.ok and exchange.document is not None:
                return exchange
        return None

    @property
    def metadata(self) -> Mapping[str, Any] | None:
        """The authorization server metadata that a client would use."""
        exchange = self.metadata_exchange
        return exchange.document if exchange is not None else None

    @property
    def expected_resource_metadata_url(self) -> str:
        """The path-inserted URL of the protected resource metadata."""
        return resource_metadata_path_form(self.url)

    @property
    def token(self) -> TokenEvidence | None:
        """The access token to evaluate: the supplied one, else the one of the sign-in."""
        if self.supplied_token is not None:
            return self.supplied_token
        return self.login.token if self.login is not None else None

    @property
    def token_resource(self) -> str:
        """The `resource` parameter of clients: resource of the metadata, else the entered URL."""
        resource = (self.prm or {}).get("resource")
        return resource if isinstance(resource, str) else self.url

    @property
    def requested_scope(self) -> str:
        """The scope that clients request: of the challenge, else scopes_supported of the resource metadata."""
        challenge = self.challenge
        if challenge is not None and challenge.parameters.get("scope"):
            return challenge.parameters["scope"]
        return " ".join(strings((self.prm or {}).get("scopes_supported")))

    @property
    def has_path(self) -> bool:
        """Whether the entered URL has a path."""
        return bool(path_of(self.url))

    @property
    def requires_token(self) -> bool:
        """Whether any request without a valid token got 401 or 403."""
        return any(e.status in {401, 403} for e in self.mcp.values())


def _is_of_web_server(response: HttpExchange) -> bool:
    if response.is_json_rpc or response.header("WWW-Authenticate") is not None:
        return False
    return response.ok or response.status in {204, 404, 405, 410, 501}


def strings(value: Any) -> tuple[str, ...]:
    """The strings of a JSON list; empty when the value is not a list."""
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def null_lists(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The members of a metadata document that are null and are lists by their specification."""
    lists = (name for name in document if name.endswith("_supported") or name == "authorization_servers")
    return tuple(name for name in lists if document[name] is None)
