"""`grants list|revoke`: the authorizations that users gave to clients."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

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
    run,
    show_json,
    show_rows,
)
from auth_service.grants.grant import GrantStatus
from auth_service.grants.repository import GrantRepository
from auth_service.users.repository import UserRepository

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext
    from auth_service.grants.grant import Grant

app = new_app(no_args_is_help=True, help="List and revoke the grants of users to clients.")

UserFilter = Annotated[str | None, typer.Option("--user", help="Only grants of this user: a username or a subject.")]
ClientFilter = Annotated[str | None, typer.Option("--client", help="Only grants of this client id.")]
ResourceFilter = Annotated[str | None, typer.Option("--resource", help="Only grants for this resource.")]


@app.command("list")
def list_grants(
    *,
    user: UserFilter = None,
    client: ClientFilter = None,
    resource: ResourceFilter = None,
    as_json: JsonOption = False,
) -> None:
    """List live grants, the most recently used first. Without --user all grants in Redis are scanned."""

    async def list_live(context: CommandContext) -> None:
        grants = await _find(context, user=user, client=client, resource=resource)
        show_rows(
            ("username", "client_name", "client_id", "resource", "scopes", "created", "last_used", "grant"),
            [_as_row(g) for g in grants],
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
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Revoke grants. Refresh tokens and introspection end at once; access tokens are valid until they expire."""
    if grant is None and user is None and client is None and resource is None:
        raise typer.BadParameter("give a grant id, --user, --client or --resource")

    async def revoke_selected(context: CommandContext) -> None:
        selected = await _find(context, user=user, client=client, resource=resource, grant_id=grant)
        if not selected:
            raise CommandFailed("there are no such grants", hint="grants list shows all.")
        confirm(f"Revoke {len(selected)} grant(s)?", yes=yes)
        ended = await end_grants(context, selected)
        if as_json:
            show_json({"ended": [g.grant_id for g in ended]})
        else:
            echo(f"{len(ended)} grant(s) ended")

    run(revoke_selected)


async def end_grants(context: CommandContext, grants: list[Grant]) -> list[Grant]:
    """End the grants, with an audit event each; returns those that this call ended."""
    repository, ended = GrantRepository(context.redis), []
    for grant in grants:
        if await repository.end(grant.grant_id, reason="ended_by_operator"):
            ended.append(grant)
            context.audit.record(
                AuditEvent.GRANT_REVOKED,
                user=grant.subject,
                client=grant.client_id,
                grant=grant.grant_id,
                resource=grant.resource,
                reason="ended_by_operator",
            )
    return ended


async def _find(
    context: CommandContext,
    *,
    user: str | None,
    client: str | None,
    resource: str | None,
    grant_id: str | None = None,
) -> list[Grant]:
    repository, now = GrantRepository(context.redis), time.time()
    if grant_id is not None:
        found = await repository.find(grant_id)
        candidates = [found] if found else []
    elif user is not None:
        known = await UserRepository(context.redis).find_by_name(user)
        candidates = await repository.find_by_subject(known.user.subject if known else user, now=now)
    else:
        # A scan may return a grant twice while the database grows.
        candidates = list({g.grant_id: g async for g in repository.scan()}.values())
    return sorted(
        (
            g
            for g in candidates
            if g.status is GrantStatus.LIVE
            and g.expires_at > now
            and (client is None or g.client_id == client)
            and (resource is None or g.resource == resource)
        ),
        key=lambda g: g.last_used_at,
        reverse=True,
    )


def _as_row(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.grant_id,
        "username": grant.username,
        "subject": grant.subject,
        "client_id": grant.client_id,
        "client_name": grant.client_name,
        "resource": grant.resource,
        "scopes": list(grant.scopes),
        "created": format_time(int(grant.created_at)),
        "last_used": format_time(int(grant.last_used_at)),
        "expires": format_time(int(grant.expires_at)),
        "address": grant.address,
    }
