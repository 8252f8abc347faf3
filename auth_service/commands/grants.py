"""`grants list|revoke|renew-lists`: the authorizations that users gave to clients, and the lists that end them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auth_service.audit.events import AuditEvent
from auth_service.commands.app import new_app
from auth_service.commands.console import (
    CommandFailed,
    JsonOption,
    YesOption,
    confirm,
    echo,
    format_time,
    parse_moment,
    run,
    show_json,
    show_rows,
)
from auth_service.grants.grant import GrantStatus
from auth_service.grants.repository import GrantRepository
from auth_service.status_lists.repository import StatusListRepository
from auth_service.users.repository import UserRepository

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auth_service.commands.console import CommandContext
    from auth_service.grants.grant import Grant

app = new_app(
    no_args_is_help=True, help="List and revoke the grants of users to clients, and renew their status lists."
)

_NOT_ENDED: Final = frozenset({GrantStatus.CODE, GrantStatus.LIVE})

_PROGRESS: Final = 1000
"""The number of grants between two lines of progress."""

UserFilter = Annotated[str | None, typer.Option("--user", help="Only grants of this user: a username or a subject.")]
ClientFilter = Annotated[str | None, typer.Option("--client", help="Only grants of this client id.")]
ResourceFilter = Annotated[str | None, typer.Option("--resource", help="Only grants for this resource.")]


BeforeFilter = Annotated[
    str | None, typer.Option("--before", help="Only grants made before a time (2026-11-23T08:00Z) or an age (30d).")
]


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters of a command: they select the grants that match each given one."""

    grant_id: str | None = None
    user: str | None = None
    client: str | None = None
    resource: str | None = None
    created_before: float | None = None
    statuses: frozenset[GrantStatus] = frozenset({GrantStatus.LIVE})

    def matches(self, grant: Grant, now: float) -> bool:
        """Whether the grant is selected and has not expired."""
        return (
            grant.status in self.statuses
            and grant.expires_at > now
            and (self.client is None or grant.client_id == self.client)
            and (self.resource is None or grant.resource == self.resource)
            and (self.created_before is None or grant.created_at < self.created_before)
        )


@app.command("list")
def list_grants(
    *,
    user: UserFilter = None,
    client: ClientFilter = None,
    resource: ResourceFilter = None,
    before: BeforeFilter = None,
    as_json: JsonOption = False,
) -> None:
    """List live grants, the most recently used first. Without --user all grants in Redis are scanned.

    "used" is when the authorization server last saw a use: a redemption, a refresh, or (to 10 minutes) introspection or
    UserInfo. It does not see calls to an MCP server, which an access token allows until it expires. "refreshed" is the
    last use of a refresh token.
    """
    selection = Selection(None, user, client, resource, _moment(before))

    async def list_live(context: CommandContext) -> None:
        # A scan may return a grant twice while the database grows.
        found = {grant.grant_id: grant async for grant in _select(context, selection)}
        show_rows(
            ("username", "client_name", "client_id", "resource", "scopes", "created", "used", "grant"),
            [_as_row(g) for g in sorted(found.values(), key=lambda g: g.used_at, reverse=True)],
            as_json=as_json,
            empty="There are no such grants.",
        )

    run(list_live)


@app.command()
def revoke(
    grant: Annotated[str | None, typer.Argument(help="The id of one grant; or select grants with the options.")] = None,
    *,
    user: UserFilter = None,
    client: ClientFilter = None,
    resource: ResourceFilter = None,
    before: BeforeFilter = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Revoke the grants that match every filter, also approvals whose code is not redeemed yet.

    Refresh tokens and introspection end at once; access tokens within two seconds, at every mcp_service that can reach
    the issuer. If it is interrupted, repeat it: grants that have ended are no longer selected.
    """
    if grant is None and user is None and client is None and resource is None and before is None:
        raise typer.BadParameter("give a grant id, --user, --client, --resource or --before")
    selection = Selection(grant, user, client, resource, _moment(before), _NOT_ENDED)

    async def revoke_selected(context: CommandContext) -> None:
        count = len({grant.grant_id async for grant in _select(context, selection)})
        if not count:
            raise CommandFailed("there are no such grants", hint="`auth_service grants list` shows all.")
        confirm(f"Revoke {count} grant(s)?", yes=yes)
        ended: list[str] = []
        async for selected in _select(context, selection):
            if await _end(context, selected):
                ended.append(selected.grant_id)
                if len(ended) % _PROGRESS == 0:
                    typer.echo(f"{len(ended)} of {count}", err=True)
        if as_json:
            show_json({"ended": ended})
        else:
            echo(f"{len(ended)} grant(s) ended")

    run(revoke_selected)


@app.command("renew-lists")
def renew_lists(*, as_json: JsonOption = False) -> None:
    """Put further grants into new status lists: after a restore, before auth_service starts.

    The restored lists count entries as free that were given, and perhaps revoked, after the backup. Verifiers that kept
    running would refuse the tokens of grants that get them again. The closed lists stay published.
    """

    async def renew(context: CommandContext) -> None:
        closed = await StatusListRepository(context.redis).renew(now_ms=int(time.time() * 1000))
        if closed < 0:
            raise CommandFailed(
                "there are too many status lists already",
                hint="Restart every mcp_service instead: then none holds what was revoked after the backup.",
            )
        if as_json:
            show_json({"closed": closed})
        else:
            echo(f"{closed} status list(s) closed, new ones opened")

    run(renew)


async def _end(context: CommandContext, grant: Grant) -> bool:
    if not await GrantRepository(context.redis).end(grant.grant_id, reason="ended_by_operator"):
        return False
    context.audit.record(
        AuditEvent.GRANT_REVOKED,
        user=grant.subject,
        client=grant.client_id,
        grant=grant.grant_id,
        resource=grant.resource,
        reason="ended_by_operator",
    )
    return True


async def _select(context: CommandContext, selection: Selection) -> AsyncIterator[Grant]:
    """The selected grants, read page by page: there may be millions."""
    repository, now = GrantRepository(context.redis), time.time()
    if selection.grant_id is not None:
        found = await repository.find(selection.grant_id)
        candidates = [found] if found else []
    elif selection.user is not None:
        known = await UserRepository(context.redis).find_by_name(selection.user)
        candidates = await repository.find_open_by_subject(known.user.subject if known else selection.user)
    else:
        async for grant in repository.scan():
            if selection.matches(grant, now):
                yield grant
        return
    for grant in candidates:
        if selection.matches(grant, now):
            yield grant


def _moment(text: str | None) -> float | None:
    since_ms = parse_moment(text, now=time.time())
    return None if since_ms is None else since_ms / 1000


def _as_row(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.grant_id,
        "kind": grant.kind,
        "username": grant.username,
        "subject": grant.subject,
        "client_id": grant.client_id,
        "client_name": grant.client_name,
        "resource": grant.resource,
        "scopes": list(grant.scopes),
        "claims": list(grant.claims),
        "created": format_time(int(grant.created_at)),
        "used": format_time(int(grant.used_at)),
        "refreshed": None if grant.refreshed_at is None else format_time(int(grant.refreshed_at)),
        "expires": format_time(int(grant.expires_at)),
        "address": grant.address,
    }
