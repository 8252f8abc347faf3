"""How a sign-in went (reference: A3, A8 to A13, F6, F9, F10, F11, F17, F19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.doctor.exchange import Exchange
    from shared.doctor.login.seen import LoginSeen, TokenAnswerSeen
    from shared.doctor.observation import Observation

_NEW = "2026-07-28"


def _exchange(seen: Observation) -> TokenAnswerSeen | None:
    """The answer to the code, when tokens came."""
    exchange = seen.login.exchange if seen.login is not None else None
    return exchange if exchange is not None and exchange.ok else None


def _answer(seen: Observation, name: str) -> TokenAnswerSeen | None:
    return seen.login.answers.get(name) if seen.login is not None else None


def _call(seen: Observation, name: str) -> Exchange | None:
    return seen.login.calls.get(name) if seen.login is not None else None


def login_impossible(seen: Observation) -> str | None:
    """The flow could not begin."""
    login = seen.login
    if login is None or login.answered or not login.failed_at or "answer came" in login.failed_at:
        return None
    return login.failed_at


def consent_blocked_by_policy(seen: Observation) -> str | None:
    """F6: no answer came, and the page's policy forbids what would bring it."""
    login = seen.login
    return f"form-action {login.form_action}" if login is not None and _silent(login) and _blocks(login) else None


def login_not_answered(seen: Observation) -> str | None:
    """Nobody came back."""
    login = seen.login
    return login.failed_at if login is not None and _silent(login) and not _blocks(login) else None


def login_refused(seen: Observation) -> str | None:
    """The answer was an error."""
    login = seen.login
    return login.failed_at if login is not None and login.answered and login.exchange is None else None


def login_state_lost(seen: Observation) -> str | None:
    """RFC 6749 section 4.1.2: state comes back as it was sent."""
    login = seen.login
    return (
        "state was not returned as sent" if login is not None and login.answered and not login.state_returned else None
    )


def login_iss_missing(seen: Observation) -> str | None:
    """F17: advertised and not sent."""
    login, metadata = seen.login, seen.metadata or {}
    if login is None or not login.answered or login.callback_iss is not None:
        return None
    if metadata.get("authorization_response_iss_parameter_supported") is not True:
        return None
    return "the answer has no iss although metadata promises one"


def login_iss_differs(seen: Observation) -> str | None:
    """RFC 9207 section 2.4: compared byte by byte."""
    login = seen.login
    issuer = (seen.metadata or {}).get("issuer")
    if login is None or login.callback_iss is None or not isinstance(issuer, str) or login.callback_iss == issuer:
        return None
    return f"{login.callback_iss!r:.200} instead of {issuer!r:.200}"


def exchange_refused(seen: Observation) -> str | None:
    """A public client's code is not taken."""
    exchange = seen.login.exchange if seen.login is not None else None
    return str(exchange) if exchange is not None and not exchange.ok else None


def exchange_answer_cacheable(seen: Observation) -> str | None:
    """A13: tokens may be kept by something in between."""
    exchange = _exchange(seen)
    if exchange is None or "no-store" in exchange.cache_control:
        return None
    return f"Cache-Control is {exchange.cache_control or 'absent'}"


def expires_in_missing(seen: Observation) -> str | None:
    """F9: the client can't tell when to refresh."""
    exchange = _exchange(seen)
    return "no expires_in" if exchange is not None and exchange.expires_in is None else None


def granted_scope_missing(seen: Observation) -> str | None:
    """A9: the client can't tell what it got."""
    exchange = _exchange(seen)
    return "no scope in the token response" if exchange is not None and "scope" not in exchange.members else None


def refresh_token_missing(seen: Observation) -> str | None:
    """F9: the connection ends with the first access token."""
    exchange = _exchange(seen)
    return "no refresh_token" if exchange is not None and "refresh_token" not in exchange.members else None


def refresh_refused(seen: Observation) -> str | None:
    """F9: what was given is not taken."""
    first, with_resource = _answer(seen, "refresh"), _answer(seen, "refresh with resource")
    if first is not None and not first.ok and with_resource is not None and not with_resource.ok:
        return str(first)
    race, after = _answer(seen, "race"), _answer(seen, "after race")
    if race is not None and race.ok and after is not None and not after.ok:
        return f"the second refresh: {after}"
    return None


def refresh_needs_resource(seen: Observation) -> str | None:
    """F18: Codex leaves resource out when it refreshes."""
    first, with_resource = _answer(seen, "refresh"), _answer(seen, "refresh with resource")
    if first is None or first.ok or with_resource is None or not with_resource.ok:
        return None
    return f"{first} without resource"


def refresh_not_rotated(seen: Observation) -> str | None:
    """OAuth 2.1 section 4.3.1: a public client's refresh token is rotated."""
    first = _answer(seen, "refresh")
    if first is None or not first.ok or ("refresh_token" in first.members and not first.same_refresh_token):
        return None
    return "the same refresh token stays valid"


def refresh_race_ends_grant(seen: Observation) -> str | None:
    """F10: a lost answer or two processes at once, and the person is signed out."""
    race, after = _answer(seen, "race"), _answer(seen, "after race")
    if race is None or race.ok or after is None or after.ok:
        return None
    return f"the predecessor got {race}, and then its unused successor {after}"


def refresh_race_refused(seen: Observation) -> str | None:
    """A11: the one who comes second in a race is signed out."""
    race, after = _answer(seen, "race"), _answer(seen, "after race")
    if race is None or race.ok or after is None or not after.ok:
        return None
    return f"the predecessor got {race} while its successor was unused"


def revocation_refused(seen: Observation) -> str | None:
    """RFC 7009 section 2.2: 200 for a client's own token."""
    answer = seen.login.revocation if seen.login is not None else None
    return answer.summary() if answer is not None and not answer.ok else None


def revocation_without_effect(seen: Observation) -> str | None:
    """RFC 7009 section 2: a revoked refresh token is dead."""
    answer = _answer(seen, "after revocation")
    if answer is None or not answer.ok or revocation_refused(seen):
        return None
    return "the refresh token worked after it was revoked"


def code_replayable(seen: Observation) -> str | None:
    """RFC 6749 section 4.1.2: a code is used once."""
    answer = _answer(seen, "code again")
    return "the code was exchanged twice" if answer is not None and answer.ok else None


def tools_list_refused(seen: Observation) -> str | None:
    """The endpoint does not take the token that its own authorization server gave."""
    answers = [_call(seen, name) for name in ("tools/list", "old tools/list", "initialize")]
    told = [answer for answer in answers if answer is not None]
    if not told or any(answer.ok for answer in told):
        return None
    return "; ".join(answer.summary() for answer in told)


def tampered_token_accepted(seen: Observation) -> str | None:
    """R8: the signature is not looked at."""
    hit = [name for name in ("tampered", "unsigned") if (answer := _call(seen, name)) is not None and answer.ok]
    return f"tools/list answered 200 to the token, {' and '.join(hit)}" if hit else None


def security_schemes_not_mirrored(seen: Observation) -> str | None:
    """R7: a tool says what it needs in one of the two places only."""
    answer = _call(seen, "tools/list") or seen.mcp.get("tools/list")
    result = (answer.document or {}).get("result") if answer is not None and answer.ok else None
    tools = result.get("tools") if isinstance(result, dict) else None
    for tool in tools if isinstance(tools, list) else ():
        meta = tool.get("_meta") if isinstance(tool, dict) else None
        mirrored = isinstance(meta, dict) and "securitySchemes" in meta
        if isinstance(tool, dict) and ("securitySchemes" in tool) is not mirrored:
            return f"tool {tool.get('name')!r:.60}"
    return None


def wire_old_missing(seen: Observation) -> str | None:
    """R11: clients of the older wire open with initialize."""
    new, old = _call(seen, "tools/list"), _call(seen, "initialize")
    if new is None or old is None or not _result(new) or _result(old):
        return None
    return old.summary()


def wire_new_missing(seen: Observation) -> str | None:
    """R11: clients of the newer wire are left to fall back."""
    new, old = _call(seen, "tools/list"), _call(seen, "initialize")
    if new is None or old is None or _result(new) or not _result(old):
        return None
    return new.summary()


def wire_versions_old_only(seen: Observation) -> str | None:
    """F19: discovery is answered to a signed-in caller, with old versions only."""
    answer = _call(seen, "server/discover")
    result = (answer.document or {}).get("result") if answer is not None and answer.ok else None
    versions = result.get("supportedVersions") if isinstance(result, dict) else None
    if not isinstance(versions, list) or any(isinstance(v, str) and v >= _NEW for v in versions):
        return None
    return f"supportedVersions {versions!r:.120}"


def unknown_method_unauthorized(seen: Observation) -> str | None:
    """R11, F19: an unknown method is not a matter of credentials."""
    if tools_list_refused(seen):
        return None
    for name in ("server/discover", "doctor/unknown"):
        answer = _call(seen, name)
        if answer is not None and answer.status in {401, 403}:
            return f"{answer.status} for {name} with a good token"
    return None


def _result(answer: Exchange) -> bool:
    return answer.ok and isinstance((answer.document or {}).get("result"), dict)


def _silent(login: LoginSeen) -> bool:
    return not login.answered and "answer came" in login.failed_at


def _blocks(login: LoginSeen) -> bool:
    sources = login.form_action.split()
    return bool(sources) and not any(s in {"*", "http:"} or s.startswith("http://127.0.0.1") for s in sources)
