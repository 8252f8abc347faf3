"""Generates `.env.example` from the two settings classes (`make settings`); a test checks that it is current."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import SecretStr

from auth_service.settings import AuthSettings
from devstack.local_settings import notes_resource
from mcp_service.settings import McpSettings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from shared.settings import ServiceSettings

_HEADER = """\
# Every setting, with its default. Copy this file to .env and uncomment the settings to change: `make up` reads it.
# `make run` and services started by hand read the same names from their environment.
# A secret may be given as NAME_FILE, the path of a file that contains it. A list is written with commas, or as JSON.
# With an unknown name or an unsafe value a service does not start and says why.


# make run

# The directory of data and secrets.
#DATA_DIR=.data

# The demo user. If the password is empty, one is generated, stored and shown.
#DEMO_USERNAME=demo
#DEMO_PASSWORD=

# AUTH_PORT and MCP_PORT, below, mean the same here.


# make up

# The public address of a tunnel or a proxy that forwards to port 8080.
#SALLYPORT_PUBLIC_URL=http://localhost:8080

# Or a domain of your own with HTTPS, optionally with a second one for auth_service. Both require GATEWAY_HTTP=80 and
# GATEWAY_HTTPS=443.
#SALLYPORT_DOMAIN=
#SALLYPORT_AUTH_DOMAIN=

# The addresses of the gateway on this machine.
#GATEWAY_HTTP=127.0.0.1:8080
#GATEWAY_HTTPS=127.0.0.1:

# When the stores write to disk: always or everysec.
#STORE_APPENDFSYNC=always

# The memory for the data of each store, beyond which it refuses writes, and the limit of its container; half of it is
# needed for buffers and for rewriting the append-only file.
#STORE_MAXMEMORY=512mb
#STORE_MEMORY_LIMIT=1g

# The memory limit of every other container.
#SALLYPORT_MEMORY_LIMIT=512m

# Folders that are mounted as /files in a service, for settings that name a file.
#SALLYPORT_AUTH_FILES=
#SALLYPORT_MCP_FILES=

# Images, in place of those that are pinned by digest in compose.yaml and Dockerfile.
#SALLYPORT_AUTH_IMAGE=sallyport-auth
#SALLYPORT_MCP_IMAGE=sallyport-mcp
#CADDY_IMAGE=
#VALKEY_IMAGE=
#PYTHON_IMAGE=
"""

_EXAMPLES = {
    "AUTH_ISSUER": "https://auth.example.com",
    "AUTH_RESOURCES": json.dumps([notes_resource("https://mcp.example.com/mcp")]),
    "AUTH_REDIS_URL": "redis://localhost:6379/0",
    "AUTH_KEY_ENCRYPTION_KEY": "",
    "MCP_ISSUER": "https://auth.example.com",
    "MCP_RESOURCE": "https://mcp.example.com/mcp",
}
"""Values of settings without a default."""

_SECTIONS: tuple[tuple[str, type[ServiceSettings]], ...] = (
    ("auth_service", AuthSettings),
    ("mcp_service", McpSettings),
)


def render() -> str:
    """The text of `.env.example`."""
    parts = [_HEADER]
    for title, settings in _SECTIONS:
        parts.append(f"\n# {title}\n")
        prefix = settings.model_config["env_prefix"]
        parts.extend(_entry(f"{prefix}{name.upper()}", field) for name, field in settings.model_fields.items())
    return "\n".join(parts)


def _entry(name: str, field: FieldInfo) -> str:
    comment = "\n".join(textwrap.wrap(field.description or "", 116, initial_indent="# ", subsequent_indent="# "))
    choices = _choices(field.annotation)
    if choices:
        comment += f"\n# One of: {', '.join(choices)}."
    if field.is_required():
        note = "# Required; `make run` and `make up` set it."
        return f"{comment}\n{note}\n#{name}={_quoted(_EXAMPLES[name])}\n"
    return f"{comment}\n#{name}={_quoted(_as_text(field.get_default(call_default_factory=True)))}\n"


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is tuple:
        return _choices(get_args(annotation)[0])
    arguments = get_args(annotation)
    return arguments if arguments and all(isinstance(a, str) for a in arguments) else ()


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, frozenset):
        return ",".join(sorted(_as_text(v) for v in value))
    if isinstance(value, tuple):
        return ",".join(_as_text(v) for v in value)
    return str(value)


def _quoted(text: str) -> str:
    return f"'{text}'" if " " in text or '"' in text else text


if __name__ == "__main__":
    (Path(__file__).resolve().parent.parent / ".env.example").write_text(render(), encoding="utf-8")
