"""What was seen of a server: one frozen record, filled by the probes and read by the rules.

A field that is None was not looked at (it needs a way in that was not given); an `Exchange` with a failure was tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sallyport_doctor.addresses import Reach, is_absolute, origin_of, path_of, resource_metadata_path_form
from sallyport_doctor.challenge import Challenge, bearer_challenge

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.login.seen import LoginSeen, RegistrationSeen, TokenSeen

Exchanges = Mapping[str, "Exchange"]


@dataclass(frozen=True, slots=True)
class TlsSeen:
    """One handshake. `problem` is empty when the certificate was accepted; times are in seconds since 1970."""

    problem: str = ""
    """untrusted, expired, wrong-name or failed."""
    detail: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class HostSeen:
    """A host that the server lives on."""

    host: str
    addresses: tuple[str, ...] = ()
    reach: Reach = Reach.PUBLIC
    tls: TlsSeen | None = None

    @property
    def has_ipv4(self) -> bool:
        """Whether one of the addresses is of version 4."""
        return any(":" not in a for a in self.addresses)


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything seen, keyed by what was asked."""

    url: str
    """The address as the person typed it."""
    now: float
    """When it was looked at, in seconds since 1970."""
    hosts: tuple[HostSeen, ...] = ()
    mcp: Exchanges = field(default_factory=dict)
    """Asked of the endpoint without a credential: tools/list, initialize, server/discover, and variants."""
    resource_metadata: Exchanges = field(default_factory=dict)
    """By form: named (by the challenge), path, root."""
    server_metadata: Exchanges = field(default_factory=dict)
    """By form: oauth, openid, openid-appended, at-resource."""
    key_set: Exchange | None = None
    cors: Exchanges = field(default_factory=dict)
    endpoints: Exchanges = field(default_factory=dict)
    """Harmless questions to the token and authorization endpoints, as a stranger would put them."""
    user_agents: Exchanges = field(default_factory=dict)
    registration: RegistrationSeen | None = None
    login: LoginSeen | None = None
    token_at_hand: TokenSeen | None = None
    """A token that the person has, which was sent nowhere."""

    @property
    def reach(self) -> Reach:
        """How far the endpoint itself can be reached."""
        return self.hosts[0].reach if self.hosts else Reach.PUBLIC

    @property
    def challenge_answer(self) -> Exchange | None:
        """The answer that stands for the challenge: that to tools/list without a token."""
        return self.mcp.get("tools/list")

    @property
    def challenge(self) -> Challenge | None:
        """The Bearer challenge of a 401, if there was one."""
        answer = self.challenge_answer
        if answer is None or answer.status != 401:
            return None
        return bearer_challenge(answer.header("WWW-Authenticate"))

    @property
    def origin_helps(self) -> bool:
        """Whether a request with an Origin header got further than the 403 of one without."""
        answer = self.mcp.get("with origin")
        return answer is not None and answer.status != 403

    @property
    def prm(self) -> Mapping[str, Any] | None:
        """The protected resource metadata that a client would use: named by the challenge, else path, else root."""
        for form in ("named", "path", "root"):
            exchange = self.resource_metadata.get(form)
            if exchange is not None and exchange.ok and exchange.document is not None:
                return exchange.document
        return None

    @property
    def issuer_asked(self) -> str | None:
        """The issuer whose metadata was looked for: the first one named, else the endpoint's own origin."""
        prm = self.prm
        if prm is None:
            return origin_of(self.url) if is_absolute(self.url) else None
        servers = prm.get("authorization_servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], str):
            return servers[0]
        return None

    @property
    def metadata_exchange(self) -> Exchange | None:
        """The answer with the authorization server metadata that a client would use."""
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
        """Where the path-inserted metadata belongs."""
        return resource_metadata_path_form(self.url)

    @property
    def token(self) -> TokenSeen | None:
        """The access token to judge: the one at hand, else the one that a sign-in gave."""
        if self.token_at_hand is not None:
            return self.token_at_hand
        return self.login.token if self.login is not None else None

    @property
    def token_resource(self) -> str:
        """What a client names as `resource`: the metadata's own word, else the typed address."""
        told = (self.prm or {}).get("resource")
        return told if isinstance(told, str) else self.url

    @property
    def scope_to_ask(self) -> str:
        """What a client asks for: the challenge's scope, else the metadata's list, else nothing."""
        challenge = self.challenge
        if challenge is not None and challenge.parameters.get("scope"):
            return challenge.parameters["scope"]
        return " ".join(strings((self.prm or {}).get("scopes_supported")))

    @property
    def has_path(self) -> bool:
        """Whether the typed address has a path at all."""
        return bool(path_of(self.url))

    @property
    def demands_token(self) -> bool:
        """Whether any request without a credential was refused for want of one."""
        return any(e.status in {401, 403} for e in self.mcp.values())


def strings(value: Any) -> tuple[str, ...]:
    """The strings of a JSON list; empty when it is none."""
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()
