"""Protected resource metadata: present, plain, and about this very resource (reference: R2 to R5, F1, F3; RFC 9728)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.addresses import path_of, split
from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation

_OIDC_SCOPES = frozenset({"openid", "profile", "email", "address", "phone"})


def _found(exchange: Exchange | None) -> bool:
    return exchange is not None and exchange.ok and exchange.document is not None


def _forms(seen: Observation) -> dict[str, Exchange]:
    return {form: e for form, e in seen.resource_metadata.items() if form in {"path", "root"}}


def prm_missing(seen: Observation) -> str | None:
    """F3: nowhere to be found."""
    if seen.prm is not None or not seen.resource_metadata or not seen.demands_token or _explained(seen):
        return None
    return "; ".join(e.summary() for e in seen.resource_metadata.values())


def prm_path_form_missing(seen: Observation) -> str | None:
    """R2: only at another place."""
    path = seen.resource_metadata.get("path")
    if seen.prm is None or path is None or _found(path) or _shadowed(path):
        return None
    return path.summary()


def prm_root_form_missing(seen: Observation) -> str | None:
    """R2: not at the root."""
    root = seen.resource_metadata.get("root")
    if seen.prm is None or root is None or _found(root) or _shadowed(root):
        return None
    return root.summary()


def prm_shadowed_by_page(seen: Observation) -> str | None:
    """F3: a page for people answers at the well-known address."""
    hit = [e.summary() for e in _forms(seen).values() if e.ok and e.looks_like_page]
    return "; ".join(hit) or None


def prm_behind_authentication(seen: Observation) -> str | None:
    """F3: a public document asks for a credential."""
    hit = [e.summary() for e in _forms(seen).values() if e.status in {401, 403}]
    return "; ".join(hit) or None


def prm_redirected(seen: Observation) -> str | None:
    """R12: the document is reached by a redirect only."""
    hit = [f"{e.url} leads to {e.hops[0]}" for e in _forms(seen).values() if e.hops]
    return "; ".join(hit) or None


def prm_not_json(seen: Observation) -> str | None:
    """F3: something else than a JSON object."""
    hit = [e.summary() for e in _forms(seen).values() if e.ok and e.document is None and not e.looks_like_page]
    return "; ".join(hit) or None


def prm_media_type(seen: Observation) -> str | None:
    """R2: JSON that does not say so."""
    hit = [e.summary() for e in _forms(seen).values() if _found(e) and e.media_type != "application/json"]
    return "; ".join(hit) or None


def prm_forms_differ(seen: Observation) -> str | None:
    """R2: the two places disagree."""
    path, root = seen.resource_metadata.get("path"), seen.resource_metadata.get("root")
    if path is None or root is None or not _found(path) or not _found(root) or path.document == root.document:
        return None
    one, other = path.document or {}, root.document or {}
    return "differ in " + ", ".join(sorted(k for k in {*one, *other} if one.get(k) != other.get(k)))


def resource_missing(seen: Observation) -> str | None:
    """RFC 9728 section 2: resource is required."""
    return "no resource member" if seen.prm is not None and not isinstance(seen.prm.get("resource"), str) else None


def resource_trailing_slash(seen: Observation) -> str | None:
    """F1: a slash more or less."""
    return _mismatch(seen, "slash")


def resource_path_lost(seen: Observation) -> str | None:
    """F1: the origin instead of the whole address."""
    return _mismatch(seen, "path")


def resource_scheme_differs(seen: Observation) -> str | None:
    """F1: http in front of a proxy that speaks https, or the other way round."""
    return _mismatch(seen, "scheme")


def resource_host_differs(seen: Observation) -> str | None:
    """F1: another host or port."""
    return _mismatch(seen, "host")


def resource_differs(seen: Observation) -> str | None:
    """F1: different in another way."""
    return _mismatch(seen, "other")


def resource_without_path(seen: Observation) -> str | None:
    """R3: a bare origin, to which URL classes add a slash."""
    return seen.url if not seen.has_path and seen.prm is not None else None


def prm_without_authorization_server(seen: Observation) -> str | None:
    """R4: nobody is named."""
    if seen.prm is None or strings(seen.prm.get("authorization_servers")):
        return None
    return f"authorization_servers is {seen.prm.get('authorization_servers')!r:.80}"


def prm_several_authorization_servers(seen: Observation) -> str | None:
    """R4: more than one is named."""
    servers = strings((seen.prm or {}).get("authorization_servers"))
    return ", ".join(servers) if len(servers) > 1 else None


def prm_scopes_missing(seen: Observation) -> str | None:
    """R5: clients that ask for what is listed have nothing to ask for."""
    return "no scopes_supported" if seen.prm is not None and "scopes_supported" not in seen.prm else None


def prm_scopes_not_of_resource(seen: Observation) -> str | None:
    """R5: offline_access and OpenID scopes belong to the authorization server."""
    scopes = strings((seen.prm or {}).get("scopes_supported"))
    wrong = [s for s in scopes if s == "offline_access" or s in _OIDC_SCOPES]
    return " ".join(wrong) or None


def prm_query_tokens(seen: Observation) -> str | None:
    """Tokens in the query string are forbidden."""
    methods = strings((seen.prm or {}).get("bearer_methods_supported"))
    return "bearer_methods_supported names query" if "query" in methods else None


def _shadowed(exchange: Exchange) -> bool:
    """Whether a more telling rule speaks about this address."""
    return exchange.ok or exchange.status in {401, 403} or bool(exchange.hops)


def _explained(seen: Observation) -> bool:
    return any(_shadowed(e) for e in _forms(seen).values())


def _mismatch(seen: Observation, kind: str) -> str | None:
    told = (seen.prm or {}).get("resource")
    if not isinstance(told, str) or told == seen.url or _kind_of_difference(seen.url, told) != kind:
        return None
    if kind == "slash" and not seen.has_path:
        return None  # a bare origin has its own rule
    return f"{told!r:.200} instead of {seen.url!r}"


def _kind_of_difference(typed: str, told: str) -> str:
    if typed.rstrip("/") == told.rstrip("/"):
        return "slash"
    one, other = split(typed), split(told)
    if one.netloc == other.netloc and one.scheme != other.scheme:
        return "scheme"
    if one.netloc.lower() != other.netloc.lower():
        return "host"
    if path_of(typed) and not path_of(told) and not other.query:
        return "path"
    return "other"
