"""Authorization server metadata: found in every form, plain, one and the same (reference: A1, F2, F3; RFC 8414)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import is_absolute, uses_plain_http

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation

_ENDPOINTS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
)


def _found(exchange: Exchange | None) -> bool:
    return exchange is not None and exchange.ok and exchange.document is not None


def _spoken_of(exchange: Exchange) -> bool:
    """Whether a more telling rule speaks about this address."""
    return exchange.ok or exchange.status in {401, 403} or bool(exchange.hops)


def _join(texts: Iterable[str]) -> str | None:
    return "; ".join(texts) or None


def as_metadata_missing(seen: Observation) -> str | None:
    """F3: none of the forms exists."""
    forms = seen.server_metadata
    if seen.metadata is not None or not forms or any(_spoken_of(e) for e in forms.values()):
        return None
    if seen.prm is None and not seen.demands_token:
        return None  # an open server has no need of one
    return _join(e.summary() for e in forms.values())


def as_metadata_oauth_form_missing(seen: Observation) -> str | None:
    """A1: only OpenID discovery exists."""
    exchange = seen.server_metadata.get("oauth")
    if seen.metadata is None or exchange is None or _found(exchange) or _spoken_of(exchange):
        return None
    return exchange.summary()


def as_metadata_openid_form_missing(seen: Observation) -> str | None:
    """A1: only the RFC 8414 form exists."""
    forms = [e for form, e in seen.server_metadata.items() if form.startswith("openid")]
    if seen.metadata is None or not forms or any(_found(e) or _spoken_of(e) for e in forms):
        return None
    return _join(e.summary() for e in forms)


def as_metadata_openid_forms_incomplete(seen: Observation) -> str | None:
    """A1: for an issuer with a path, OpenID discovery exists in one of its two forms only."""
    inserted, appended = seen.server_metadata.get("openid"), seen.server_metadata.get("openid-appended")
    if inserted is None or appended is None or _found(inserted) == _found(appended):
        return None
    missing = appended if _found(inserted) else inserted
    return missing.summary()


def as_metadata_at_resource_missing(seen: Observation) -> str | None:
    """A1: on a shared host, the place that ChatGPT and older clients probe."""
    exchange = seen.server_metadata.get("at-resource")
    if seen.metadata is None or exchange is None or _found(exchange) or _spoken_of(exchange):
        return None
    return exchange.summary()


def as_metadata_forms_differ(seen: Observation) -> str | None:
    """F3: the forms do not describe the same server."""
    documents = [e.document or {} for e in seen.server_metadata.values() if _found(e)]
    names = {*_ENDPOINTS, "issuer"}
    different = sorted(n for n in names if len({repr(d[n]) for d in documents if n in d}) > 1)
    return f"they differ in {', '.join(different)}" if different else None


def as_metadata_shadowed_by_page(seen: Observation) -> str | None:
    """F3: a page for people answers at the well-known address."""
    return _join(e.summary() for e in seen.server_metadata.values() if e.ok and e.looks_like_page)


def as_metadata_behind_authentication(seen: Observation) -> str | None:
    """F3: a public document asks for a credential."""
    return _join(e.summary() for e in seen.server_metadata.values() if e.status in {401, 403})


def as_metadata_redirected(seen: Observation) -> str | None:
    """R12: the document is reached by a redirect only."""
    return _join(f"{e.url} leads to {e.hops[0]}" for e in seen.server_metadata.values() if e.hops)


def as_metadata_not_json(seen: Observation) -> str | None:
    """F3: something else than a JSON object."""
    hit = (e for e in seen.server_metadata.values() if e.ok and e.document is None and not e.looks_like_page)
    return _join(e.summary() for e in hit)


def as_metadata_media_type(seen: Observation) -> str | None:
    """A2: JSON that does not say so."""
    hit = (e for e in seen.server_metadata.values() if _found(e) and e.media_type != "application/json")
    return _join(e.summary() for e in hit)


def issuer_missing(seen: Observation) -> str | None:
    """RFC 8414 section 2: issuer is required."""
    if seen.metadata is None or isinstance(seen.metadata.get("issuer"), str):
        return None
    return "no issuer member"


def issuer_trailing_slash(seen: Observation) -> str | None:
    """F2: a slash more or less than the resource metadata says."""
    return _issuer_mismatch(seen, slash_only=True)


def issuer_ends_with_slash(seen: Observation) -> str | None:
    """A2: no contradiction, and still a slash that URL classes add or drop."""
    told = (seen.metadata or {}).get("issuer")
    if not isinstance(told, str) or not told.endswith("/") or issuer_trailing_slash(seen) or issuer_differs(seen):
        return None
    return told


def issuer_differs(seen: Observation) -> str | None:
    """F2: another issuer than the resource metadata says."""
    return _issuer_mismatch(seen, slash_only=False)


def issuer_not_absolute(seen: Observation) -> str | None:
    """F2: the authorization server is named by something that is no address."""
    asked = seen.issuer_asked
    return repr(asked)[:120] if asked is not None and not is_absolute(asked) else None


def endpoint_missing(seen: Observation) -> str | None:
    """RFC 8414 section 2: a flow needs both endpoints."""
    if seen.metadata is None:
        return None
    absent = [n for n in ("authorization_endpoint", "token_endpoint") if n not in seen.metadata]
    return _join(absent)


def endpoint_not_absolute(seen: Observation) -> str | None:
    """RFC 8414 section 2: endpoints are URLs."""
    if seen.metadata is None:
        return None
    wrong = [n for n in _ENDPOINTS if n in seen.metadata and not is_absolute(seen.metadata[n])]
    return _join(f"{n} {seen.metadata[n]!r:.80}" for n in wrong)


def endpoint_plain_http(seen: Observation) -> str | None:
    """HTTPS is required of every endpoint that is not on this machine."""
    if seen.metadata is None or uses_plain_http(seen.url):
        return None
    wrong = [n for n in _ENDPOINTS if is_absolute(seen.metadata.get(n)) and uses_plain_http(seen.metadata[n])]
    return _join(f"{n} {seen.metadata[n]}" for n in wrong)


def _issuer_mismatch(seen: Observation, *, slash_only: bool) -> str | None:
    asked, exchange = seen.issuer_asked, seen.metadata_exchange
    if asked is None or exchange is None or seen.metadata is None or seen.prm is None:
        return None  # without resource metadata the issuer was a guess: nothing contradicts it
    told = seen.metadata.get("issuer")
    if not isinstance(told, str) or told == asked:
        return None
    if (told.rstrip("/") == asked.rstrip("/")) is not slash_only:
        return None
    return f"{told!r:.200} instead of {asked!r:.200}"
