"""The responses of GitHub's API, and the members that are read from them. Pure.

Invariant 13: the account is its numeric id. A login can be renamed, and another account can take it afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.federation.identity import MAX_GROUPS
from auth_service.federation.provider import SignInRefused
from shared.jose.strict_json import BadJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auth_service.federation.http import ProviderResponse

MAX_TEXT_CHARACTERS: Final = 300
MAX_MEMBERSHIP_CHARACTERS: Final = 5000
"""The maximum characters of a list of names and ids; an identity with two such lists is small enough to store."""
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,2000}")
_CODE_OF_THE_USER: Final = frozenset({"bad_verification_code", "unverified_user_email"})
"""Errors of the token request that are no fault of the configuration: a used or expired code, an unverified account."""
_CODE_OF_THE_OPERATOR: Final = frozenset({"incorrect_client_credentials", "redirect_uri_mismatch"})
_INCLUDED: Final[Mapping[str, tuple[str, ...]]] = {
    "user": ("user:email",),
    "admin:org": ("read:org",),
    "write:org": ("read:org",),
}
"""The scopes that each scope includes, where GitHub names only the including one."""


class BadResponse(Exception):
    """The response is not as GitHub documents it. The text is for the log."""


class BadClient(BadResponse):
    """GitHub does not accept the app, or its callback address."""


@dataclass(frozen=True, slots=True, repr=False)
class GitHubToken:
    """The access token, used at once and forgotten: never stored, never logged."""

    value: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the token is for."""

    id: int
    login: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Memberships:
    """Organisations and teams, by name and by id."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    complete: bool
    """False if GitHub left entries out, or did not say whether it did."""


UNKNOWN: Final = Memberships((), (), complete=False)


def read_json(response: ProviderResponse) -> Any:
    """The JSON body of a response with status 200. Raises BadResponse."""
    if response.status != 200:
        raise BadResponse(f"status {response.status}")
    try:
        return parse_json(response.body)
    except BadJson as exc:
        raise BadResponse(f"no JSON: {exc}") from exc


def is_rate_limited(response: ProviderResponse) -> bool:
    """Whether a refusal is for the number of requests. GitHub uses 403 for it as well as 429."""
    if response.status == 429:
        return True
    headers = response.headers
    return response.status == 403 and (
        headers.get("X-RateLimit-Remaining") == "0"
        or "Retry-After" in headers
        or b"rate limit" in response.body.lower()
    )


def github_token(response: ProviderResponse) -> GitHubToken:
    """The token of a token response. Raises SignInRefused or BadResponse.

    Errors have status 200 and a member `error`. Scopes are separated by commas, and may be fewer than were asked for.
    """
    body = read_json(response)
    if not isinstance(body, dict):
        raise BadResponse("the token response is no object")
    if "error" in body:
        error = str(body["error"])
        if error in _CODE_OF_THE_USER:
            raise SignInRefused(f"token request: {error}", error_id="github_code")
        kind_of_response = BadClient if error in _CODE_OF_THE_OPERATOR else BadResponse
        raise kind_of_response(f"token request: {error!r:.100}")
    token, kind, scope = body.get("access_token"), body.get("token_type"), body.get("scope")
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise BadResponse("the token response has no access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadResponse(f"token_type {kind!r:.40}")
    named = re.split(r"[,\s]+", scope) if isinstance(scope, str) else []
    return GitHubToken(token, frozenset(one for name in named for one in (name, *_INCLUDED.get(name, ())) if one))


def account(body: Any) -> Account:
    """The account of `GET /user`. Raises BadResponse, or SignInRefused if it is not that of a user."""
    if not isinstance(body, dict):
        raise BadResponse("the account is no object")
    check_id(body)
    check_kind(body)
    return Account(body["id"], _text(body.get("login")), _text(body.get("name")))


def check_id(body: Mapping[str, Any]) -> None:
    """The id is a positive integer, and no bool, which is an int in Python."""
    if not _is_id(body.get("id")):
        raise BadResponse("the account has no numeric id")


def check_kind(body: Mapping[str, Any]) -> None:
    """The account is that of a user: organisations and bots do not sign in."""
    if body.get("type", "User") != "User":
        raise SignInRefused(f"an account of the type {body['type']!r:.40}", error_id="github_account")


def verified_address(body: Any) -> str | None:
    """The primary address if it is verified, else None; no other address replaces it. Raises BadResponse."""
    for entry in _objects(body, "addresses"):
        if entry.get("primary") is True and entry.get("verified") is True:
            address = _text(entry.get("email"))
            if address is not None and "@" in address:
                return address
    return None


def organizations(pages: Iterable[Any], *, complete: bool) -> Memberships:
    """The organisations of `GET /user/orgs`. Raises BadResponse."""
    entries = (entry for page in pages for entry in _objects(page, "organisations"))
    return _bounded([(_name(entry, "login"), f"organization:{_id(entry)}") for entry in entries], complete=complete)


def teams(pages: Iterable[Any], *, complete: bool) -> Memberships:
    """The teams of `GET /user/teams`, as `organization/team`. Raises BadResponse."""
    found = []
    for entry in (entry for page in pages for entry in _objects(page, "teams")):
        organization = entry.get("organization")
        if not isinstance(organization, dict):
            raise BadResponse("a team has no organisation")
        found.append((f"{_name(organization, 'login')}/{_name(entry, 'slug')}", f"team:{_id(entry)}"))
    return _bounded(found, complete=complete)


def has_next_page(response: ProviderResponse) -> bool:
    """Whether GitHub announces another page (RFC 8288). Its address is not followed: the pages are numbered."""
    return 'rel="next"' in response.headers.get("Link", "")


def leaves_out(response: ProviderResponse) -> bool:
    """Whether organisations with single sign-on were left out of the list."""
    return "partial-results" in response.headers.get("X-GitHub-SSO", "").lower()


def _bounded(found: list[tuple[str, str]], *, complete: bool) -> Memberships:
    kept: list[tuple[str, str]] = []
    size = 0
    for name, identifier in found:
        size += len(name) + len(identifier)
        if size > MAX_MEMBERSHIP_CHARACTERS or len(kept) == MAX_GROUPS // 2:
            complete = False
            break
        kept.append((name, identifier))
    return Memberships(tuple(name for name, _ in kept), tuple(identifier for _, identifier in kept), complete)


def _objects(body: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(body, list) or not all(isinstance(entry, dict) for entry in body):
        raise BadResponse(f"the {what} are no list of objects")
    return body


def _name(entry: Mapping[str, Any], member: str) -> str:
    name = _text(entry.get(member))
    if name is None or "/" in name:
        raise BadResponse(f"an entry has no {member}")
    return name


def _id(entry: Mapping[str, Any]) -> int:
    value = entry.get("id")
    if not _is_id(value):
        raise BadResponse("an entry has no numeric id")
    return int(value)  # type: ignore[arg-type]  # checked by _is_id


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 63


def _text(value: object) -> str | None:
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARACTERS and value.isprintable():
        return value
    return None
