"""Generates `.env.example` from the two settings classes (`make settings`); a test checks that it is current."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from auth_service.settings import AuthSettings
from devstack.setting_values import AUTH_VALUES, MCP_VALUES, Value
from mcp_service.settings import McpSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

    from shared.settings import ServiceSettings

_HEADER = """\
# Every setting: what it is for, its unit or form, its default, and an example that is commented out. Copy this file to
# .env and uncomment the settings to change: `make run` and `make up` read it. Variables of the environment win, and
# services started by hand read nothing else.
# A secret may be given as NAME_FILE, the path of a file that contains it. A list is written with commas, or as JSON.
# With an unknown name or an unsafe value a service does not start and says why. `make run` and `make up` set
# what is required.


# make run and make up

# The public address of a tunnel or a proxy that forwards to the gateway (docs/tunnels.md).
# Value: a URL without a path. Default: none; clients on this machine only.
#SALLYPORT_PUBLIC_URL=https://tools.example.com

# Where the gateway listens for HTTP on this machine; that of `make run`, on loopback addresses only.
# Value: a port, with an IP address before it or without. Default: 127.0.0.1:8080.
#GATEWAY_HTTP=80

# The folder of your own MCP server. Settings of mcp_service name files from there; `make up` mounts it as /files.
# Value: a directory. Default: none.
#SALLYPORT_MCP_FILES=./my-server


# make run

# Where data and secrets are stored.
# Value: a directory. Default: .data.
#DATA_DIR=/var/lib/sallyport

# The name of the demo user.
# Value: a username. Default: demo.
#DEMO_USERNAME=ada

# The password of the demo user.
# Value: a text. Default: none; one is generated, stored and shown.
#DEMO_PASSWORD='four unrelated words here'

# AUTH_PORT and MCP_PORT, below, mean the same here.


# make up

# A domain of your own with HTTPS, in place of SALLYPORT_PUBLIC_URL. Requires GATEWAY_HTTP=80 and GATEWAY_HTTPS=443.
# Value: a host name. Default: none.
#SALLYPORT_DOMAIN=mcp.example.com

# A second domain, for auth_service.
# Value: a host name. Default: none; one domain serves both.
#SALLYPORT_AUTH_DOMAIN=auth.example.com

# Where the gateway listens for HTTPS on this machine.
# Value: a port, with an IP address before it or without. Default: 127.0.0.1 and any free port.
#GATEWAY_HTTPS=443

# What your own server needs to be installed: a Dockerfile that begins with `FROM sallyport-mcp`.
# Value: its directory. Default: none.
#SALLYPORT_MCP_BUILD=./my-server

# The files of docker compose; deploy/server.yaml is for a server of your own in a container beside mcp_service.
# Value: paths, with colons between them. Default: compose.yaml, and compose.override.yaml if there is one.
#COMPOSE_FILE=compose.yaml:deploy/server.yaml

# The Dockerfile of that server.
# Value: its directory. Default: none; deploy/server.yaml requires it.
#SALLYPORT_SERVER_BUILD=./my-server

# When the stores write to disk.
# Value: always or everysec. Default: always.
#STORE_APPENDFSYNC=always

# The memory for the data of each store, beyond which it refuses writes.
# Value: bytes, or with kb, mb or gb. Default: 512mb.
#STORE_MAXMEMORY=2gb

# The memory limit of the container of each store; half of it is needed for buffers and for rewriting the append-only
# file.
# Value: bytes, or with k, m or g. Default: 1g.
#STORE_MEMORY_LIMIT=4g

# The memory limit of every other container.
# Value: bytes, or with k, m or g. Default: 512m.
#SALLYPORT_MEMORY_LIMIT=1g

# The folder that is mounted as /files in auth_service, for settings that name a file.
# Value: a directory. Default: none.
#SALLYPORT_AUTH_FILES=./auth-files

# The image of the gateway.
# Value: an image. Default: the one that compose.yaml pins by digest.
#CADDY_IMAGE=registry.example.com/caddy:2.11.7

# The image of the stores.
# Value: an image. Default: the one that compose.yaml pins by digest.
#VALKEY_IMAGE=registry.example.com/valkey:8.1.10

# The image on which those of both services are built.
# Value: an image. Default: the one that Dockerfile pins by digest.
#PYTHON_IMAGE=registry.example.com/python:3.13-slim
"""

_SECTIONS: tuple[tuple[str, type[ServiceSettings], Mapping[str, Value]], ...] = (
    ("auth_service", AuthSettings, AUTH_VALUES),
    ("mcp_service", McpSettings, MCP_VALUES),
)
_LARGER_UNITS = {
    "seconds": ((86_400, "day"), (3600, "hour"), (60, "minute")),
    "bytes": ((1 << 20, "MiB"), (1 << 10, "KiB")),
}


def render() -> str:
    """The text of `.env.example`."""
    parts = [_HEADER]
    for title, settings, values in _SECTIONS:
        parts.append(f"\n# {title}\n")
        prefix = settings.model_config["env_prefix"]
        parts.extend(_entry(f"{prefix}{name.upper()}", field, values) for name, field in settings.model_fields.items())
    return "\n".join(parts)


def _entry(name: str, field: FieldInfo, values: Mapping[str, Value]) -> str:
    value = values.get(name) or _one_of(field)
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        shown = "none, required"
    else:
        shown = _as_text(default, separator=", ") or "none"
        shown += _in_words(default, value.unit)
    lines = [
        *_comment(field.description or ""),
        *_comment(f"Value: {value.unit}{_range(field)}. Default: {shown}."),
        f"#{name}_FILE={value.example}" if value.is_secret else f"#{name}={_quoted(value.example)}",
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 116, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _one_of(field: FieldInfo) -> Value:
    """The value of a closed set; the example is the default, so that no example switches anything off."""
    default = _as_text(field.get_default(call_default_factory=True))
    if field.annotation is bool:
        return Value("true or false", default)
    if get_origin(field.annotation) is tuple:
        return Value(f"{_or(get_args(get_args(field.annotation)[0]))}, with commas between them", default)
    return Value(_or(get_args(field.annotation)), default)


def _or(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _range(field: FieldInfo) -> str:
    bounds = {
        name: getattr(limit, name) for limit in field.metadata for name in ("ge", "gt", "le") if hasattr(limit, name)
    }
    least, most = bounds.get("ge", bounds.get("gt")), bounds.get("le")
    from_least = f"more than {least}, up" if "gt" in bounds else f"{least}"
    if least is None:
        return ""
    return f", {from_least} to {most}" if most is not None else f", at least {least}"


def _in_words(number: float | None, unit: str) -> str:
    for length, name in _LARGER_UNITS.get(unit, ()):
        if number and number >= length and number % length == 0:
            count = int(number // length)
            return f" ({count} {name}{'s' if count > 1 and unit == 'seconds' else ''})"
    return ""


def _as_text(value: Any, separator: str = ",") -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return separator.join(sorted(value))
    if isinstance(value, tuple):
        return separator.join(map(str, value))
    return str(value)


def _quoted(text: str) -> str:
    return f"'{text}'" if any(c in text for c in ' "#') else text


if __name__ == "__main__":
    (Path(__file__).resolve().parent.parent / ".env.example").write_text(render(), encoding="utf-8")
