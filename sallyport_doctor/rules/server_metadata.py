"""Rules for the location and identity of authorization server metadata (RFC 8414)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from sallyport_doctor.addresses import is_absolute, split, uses_plain_http, without_default_port
from sallyport_doctor.evidence import null_lists

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange

_ENDPOINTS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
)


def _found(exchange: HttpExchange | None) -> bool:
    return exchange is not None and exchange.ok and exchange.document is not None


def _has_specific_finding(exchange: HttpExchange) -> bool:
    """Whether a more specific rule applies to this URL."""
    return exchange.ok or exchange.status in {401, 403} or bool(exchange.hops)


def _join(texts: Iterable[str]) -> str | None:
    return "; ".join(texts) or None


def as_metadata_missing(evidence: Evidence) -> str | None:
    forms = evidence.server_metadata
    if evidence.metadata is not None or not forms or any(_has_specific_finding(e) for e in forms.values()):
        return None
    if evidence.prm is None and not evidence.requires_token:
        return None  # a server without protection needs none
    return _join(e.summary() for e in forms.values())


def as_metadata_oauth_form_missing(evidence: Evidence) -> str | None:
    exchange = evidence.server_metadata.get("oauth")
    if evidence.metadata is None or exchange is None or _found(exchange) or _has_specific_finding(exchange):
        return None
    return exchange.summary()


def as_metadata_openid_form_missing(evidence: Evidence) -> str | None:
    forms = [e for form, e in evidence.server_metadata.items() if form.startswith("openid")]
    if evidence.metadata is None or not forms or any(_found(e) or _has_specific_finding(e) for e in forms):
        return None
    return _join(e.summary() for e in forms)


def as_metadata_openid_forms_incomplete(evidence: Evidence) -> str | None:
    inserted, appended = evidence.server_metadata.get("openid"), evidence.server_metadata.get("openid-appended")
    if inserted is None or appended is None or _found(inserted) == _found(appended):
        return None
    missing = appended if _found(inserted) else inserted
    return missing.summary()


def as_metadata_at_resource_missing(evidence: Evidence) -> str | None:
    exchange = evidence.server_metadata.get("at-resource")
    if evidence.metadata is None or exchange is None or _found(exchange) or _has_specific_finding(exchange):
        return None
    return exchange.summary()


def as_metadata_forms_differ(evidence: Evidence) -> str | None:
    documents = [e.document or {} for e in evidence.server_metadata.values() if _found(e)]
    names = {*_ENDPOINTS, "issuer"}
    different = sorted(n for n in names if len({repr(d[n]) for d in documents if n in d}) > 1)
    return f"different {', '.join(different)}" if different else None


def as_metadata_shadowed_by_page(evidence: Evidence) -> str | None:
    return _join(e.summary() for e in evidence.server_metadata.values() if e.ok and e.is_html_page)


def as_metadata_behind_authentication(evidence: Evidence) -> str | None:
    return _join(e.summary() for e in evidence.server_metadata.values() if e.status in {401, 403})


def as_metadata_redirected(evidence: Evidence) -> str | None:
    return _join(f"{e.url} redirects to {e.hops[0]}" for e in evidence.server_metadata.values() if e.hops)


def as_metadata_not_json(evidence: Evidence) -> str | None:
    affected = (e for e in evidence.server_metadata.values() if e.ok and e.document is None and not e.is_html_page)
    return _join(e.summary() for e in affected)


def as_metadata_media_type(evidence: Evidence) -> str | None:
    affected = (e for e in evidence.server_metadata.values() if _found(e) and e.media_type != "application/json")
    return _join(e.summary() for e in affected)


def as_metadata_null_member(evidence: Evidence) -> str | None:
    affected = {name for e in evidence.server_metadata.values() if _found(e) for name in null_lists(e.document or {})}
    return ", ".join(sorted(affected)) or None


def issuer_missing(evidence: Evidence) -> str | None:
    if evidence.metadata is None or isinstance(evidence.metadata.get("issuer"), str):
        return None
    return "no issuer member"


def issuer_trailing_slash(evidence: Evidence) -> str | None:
    return _issuer_mismatch(evidence, slash_only=True)


def issuer_ends_with_slash(evidence: Evidence) -> str | None:
    issuer = (evidence.metadata or {}).get("issuer")
    if (
        not isinstance(issuer, str)
        or not issuer.endswith("/")
        or issuer_trailing_slash(evidence)
        or issuer_differs(evidence)
    ):
        return None
    return issuer


def issuer_differs(evidence: Evidence) -> str | None:
    return _issuer_mismatch(evidence, slash_only=False)


def issuer_default_port(evidence: Evidence) -> str | None:
    expected, issuer = evidence.requested_issuer, (evidence.metadata or {}).get("issuer")
    if evidence.prm is None or expected is None or not isinstance(issuer, str) or issuer == expected:
        return None
    same = without_default_port(issuer) == without_default_port(expected)
    return f"{issuer!r:.200} in the metadata, {expected!r:.200} in authorization_servers" if same else None


def issuer_not_absolute(evidence: Evidence) -> str | None:
    issuer = evidence.requested_issuer
    return repr(issuer)[:120] if issuer is not None and not is_absolute(issuer) else None


def endpoint_missing(evidence: Evidence) -> str | None:
    if evidence.metadata is None:
        return None
    absent = [n for n in ("authorization_endpoint", "token_endpoint") if n not in evidence.metadata]
    return _join(absent)


def endpoint_not_absolute(evidence: Evidence) -> str | None:
    if evidence.metadata is None:
        return None
    wrong = [n for n in _ENDPOINTS if n in evidence.metadata and not is_absolute(evidence.metadata[n])]
    return _join(f"{n} {evidence.metadata[n]!r:.80}" for n in wrong)


def authorization_endpoint_names_resource(evidence: Evidence) -> str | None:
    endpoint = (evidence.metadata or {}).get("authorization_endpoint")
    named = parse_qs(split(endpoint).query).get("resource", []) if is_absolute(endpoint) else []
    if not named:
        return None
    return f"resource={named[0]:.200} in authorization_endpoint; clients add {evidence.token_resource:.200}"


def endpoint_plain_http(evidence: Evidence) -> str | None:
    if evidence.metadata is None or uses_plain_http(evidence.url):
        return None
    wrong = [n for n in _ENDPOINTS if is_absolute(evidence.metadata.get(n)) and uses_plain_http(evidence.metadata[n])]
    return _join(f"{n} {evidence.metadata[n]}" for n in wrong)


def _issuer_mismatch(evidence: Evidence, *, slash_only: bool) -> str | None:
    expected, exchange = evidence.requested_issuer, evidence.metadata_exchange
    if expected is None or exchange is None or evidence.metadata is None or evidence.prm is None:
        return None  # without resource metadata the requested issuer is a guess
    issuer = evidence.metadata.get("issuer")
    if not isinstance(issuer, str) or issuer == expected:
        return None
    if without_default_port(issuer) == without_default_port(expected):
        return None  # issuer-default-port applies
    if (issuer.rstrip("/") == expected.rstrip("/")) is not slash_only:
        return None
    return f"{issuer!r:.200} instead of {expected!r:.200}"
