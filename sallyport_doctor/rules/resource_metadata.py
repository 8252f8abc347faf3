"""Rules for protected resource metadata (RFC 9728)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sallyport_doctor.addresses import path_of, split
from sallyport_doctor.evidence import null_lists, strings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange

_OIDC_SCOPES = frozenset({"openid", "profile", "email", "address", "phone"})


def _found(exchange: HttpExchange | None) -> bool:
    return exchange is not None and exchange.ok and exchange.document is not None


def _forms(evidence: Evidence) -> dict[str, HttpExchange]:
    return {form: e for form, e in evidence.resource_metadata.items() if form in {"path", "root"}}


def prm_missing(evidence: Evidence) -> str | None:
    if (
        evidence.prm is not None
        or not evidence.resource_metadata
        or not evidence.requires_token
        or _any_specific_finding(evidence)
    ):
        return None
    return "; ".join(e.summary() for e in evidence.resource_metadata.values())


def prm_path_form_missing(evidence: Evidence) -> str | None:
    path = evidence.resource_metadata.get("path")
    if evidence.prm is None or path is None or _found(path) or _has_specific_finding(path):
        return None
    return path.summary()


def prm_root_form_missing(evidence: Evidence) -> str | None:
    root = evidence.resource_metadata.get("root")
    if evidence.prm is None or root is None or _found(root) or _has_specific_finding(root):
        return None
    return root.summary()


def prm_shadowed_by_page(evidence: Evidence) -> str | None:
    affected = [e.summary() for e in _forms(evidence).values() if e.ok and e.is_html_page]
    return "; ".join(affected) or None


def prm_behind_authentication(evidence: Evidence) -> str | None:
    affected = [e.summary() for e in _forms(evidence).values() if e.status in {401, 403}]
    return "; ".join(affected) or None


def prm_redirected(evidence: Evidence) -> str | None:
    affected = [f"{e.url} redirects to {e.hops[0]}" for e in _forms(evidence).values() if e.hops]
    return "; ".join(affected) or None


def prm_not_json(evidence: Evidence) -> str | None:
    affected = [e.summary() for e in _forms(evidence).values() if e.ok and e.document is None and not e.is_html_page]
    return "; ".join(affected) or None


def prm_media_type(evidence: Evidence) -> str | None:
    affected = [e.summary() for e in _forms(evidence).values() if _found(e) and e.media_type != "application/json"]
    return "; ".join(affected) or None


def prm_root_of_other_resource(evidence: Evidence) -> str | None:
    one, other = _both_forms(evidence)
    if one.get("resource") == other.get("resource"):
        return None
    return f"{other.get('resource')!r:.200} at the root URL, {one.get('resource')!r:.200} at the path-inserted one"


def prm_forms_differ(evidence: Evidence) -> str | None:
    one, other = _both_forms(evidence)
    different = sorted(k for k in {*one, *other} if one.get(k) != other.get(k))
    return f"differ in {', '.join(different)}" if different and "resource" not in different else None


def prm_null_member(evidence: Evidence) -> str | None:
    affected = {name for e in evidence.resource_metadata.values() if _found(e) for name in null_lists(e.document or {})}
    return ", ".join(sorted(affected)) or None


def resource_missing(evidence: Evidence) -> str | None:
    return (
        "no resource member" if evidence.prm is not None and not isinstance(evidence.prm.get("resource"), str) else None
    )


def resource_trailing_slash(evidence: Evidence) -> str | None:
    return _mismatch(evidence, "slash")


def resource_path_missing(evidence: Evidence) -> str | None:
    return _mismatch(evidence, "path")


def resource_scheme_differs(evidence: Evidence) -> str | None:
    return _mismatch(evidence, "scheme")


def resource_host_differs(evidence: Evidence) -> str | None:
    return _mismatch(evidence, "host")


def resource_differs(evidence: Evidence) -> str | None:
    return _mismatch(evidence, "other")


def resource_without_path(evidence: Evidence) -> str | None:
    return evidence.url if not evidence.has_path and evidence.prm is not None else None


def prm_without_authorization_server(evidence: Evidence) -> str | None:
    if evidence.prm is None or strings(evidence.prm.get("authorization_servers")):
        return None
    return f"authorization_servers is {evidence.prm.get('authorization_servers')!r:.80}"


def prm_several_authorization_servers(evidence: Evidence) -> str | None:
    servers = strings((evidence.prm or {}).get("authorization_servers"))
    return ", ".join(servers) if len(servers) > 1 else None


def prm_scopes_missing(evidence: Evidence) -> str | None:
    return "no scopes_supported" if evidence.prm is not None and "scopes_supported" not in evidence.prm else None


def prm_scopes_not_of_resource(evidence: Evidence) -> str | None:
    scopes = strings((evidence.prm or {}).get("scopes_supported"))
    wrong = [s for s in scopes if s == "offline_access" or s in _OIDC_SCOPES]
    return " ".join(wrong) or None


def prm_query_tokens(evidence: Evidence) -> str | None:
    methods = strings((evidence.prm or {}).get("bearer_methods_supported"))
    return "bearer_methods_supported names query" if "query" in methods else None


def _both_forms(evidence: Evidence) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The documents at the path-inserted and the root URL; both empty if one is missing."""
    path, root = evidence.resource_metadata.get("path"), evidence.resource_metadata.get("root")
    one, other = (e.document if e is not None and e.ok else None for e in (path, root))
    return (one, other) if one is not None and other is not None else ({}, {})


def _has_specific_finding(exchange: HttpExchange) -> bool:
    """Whether a more specific rule applies to this URL."""
    return exchange.ok or exchange.status in {401, 403} or bool(exchange.hops)


def _any_specific_finding(evidence: Evidence) -> bool:
    return any(_has_specific_finding(e) for e in _forms(evidence).values())


def _mismatch(evidence: Evidence, kind: str) -> str | None:
    resource = (evidence.prm or {}).get("resource")
    if not isinstance(resource, str) or resource == evidence.url or _difference(evidence.url, resource) != kind:
        return None
    if kind == "slash" and not evidence.has_path:
        return None  # resource-without-path applies
    return f"{resource!r:.200} instead of {evidence.url!r}"


def _difference(entered: str, resource: str) -> str:
    if entered.rstrip("/") == resource.rstrip("/"):
        return "slash"
    one, other = split(entered), split(resource)
    if one.netloc == other.netloc and one.scheme != other.scheme:
        return "scheme"
    if one.netloc.lower() != other.netloc.lower():
        return "host"
    if path_of(entered) and not path_of(resource) and not other.query:
        return "path"
    return "other"
