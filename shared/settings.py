"""Settings from the environment: frozen, strict, with secrets from files.

Every setting `X` may be given as `X_FILE`, the name of a file with the value. The service does not start if a name with
its prefix is unknown, so that a misspelt name does not silently become a default; nor with a retired name, for which
the message names the successor or the reason.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, get_origin

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import Misconfigured
from shared.jose.strict_json import parse_json


class ServiceSettings(BaseSettings):
    """Base of both services' settings. A subclass sets `model_config["env_prefix"]`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_ignore_empty=True, validate_default=True)

    retired_settings: ClassVar[Mapping[str, str]] = {}
    """Full names of former settings, and the rest of the message: "was renamed: use AUTH_NEW_NAME", or a reason."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check the settings. Raises Misconfigured with a message for the operator, without secrets."""
        env = dict(os.environ if environment is None else environment)
        prefix = cls.model_config.get("env_prefix", "")
        values: dict[str, Any] = {}
        problems: list[str] = []
        for name in sorted(env):
            if not name.startswith(prefix) or not env[name]:
                continue
            retired = cls.retired_settings.get(name) or cls.retired_settings.get(name.removesuffix("_FILE"))
            if retired is not None:
                problems.append(f"{name}: {retired}")
                continue
            field = name.removeprefix(prefix).lower()
            text = env[name]
            if field not in cls.model_fields and field.endswith("_file"):
                field = field.removesuffix("_file")
                try:
                    text = Path(text).read_text(encoding="utf-8").strip()
                except OSError as exc:
                    problems.append(f"{name}: cannot be read: {exc.strerror}")
                    continue
                except UnicodeDecodeError:
                    problems.append(f"{name}: the file is not text in UTF-8")
                    continue
            if field not in cls.model_fields:
                problems.append(f"{name}: there is no such setting")
            elif field in values:
                problems.append(f"{name}: given twice, directly and as a file")
            else:
                values[field] = _structured(text) if cls._is_list(field) else text
        if not problems:
            try:
                return cls._build(values)
            except ValidationError as exc:
                for error in exc.errors(include_input=False, include_url=False):
                    # A check of several settings has no place: its message names them in full.
                    where = "_".join(str(part) for part in error["loc"]).upper()
                    problem = error["msg"].removeprefix("Value error, ")
                    problems.append(f"{prefix}{where}: {problem}" if where else problem)
        raise Misconfigured("\n".join(problems))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only values from `from_environment` are used: pydantic does not read the process environment itself."""
        return (init_settings,)

    @classmethod
    def _is_list(cls, field: str) -> bool:
        return get_origin(cls.model_fields[field].annotation) in {tuple, frozenset, list}

    @classmethod
    def _build(cls, values: Mapping[str, Any]) -> Self:
        return cls(**values)


def _structured(text: str) -> Any:
    """Parse a list that is given as JSON, or separated by commas."""
    if text.startswith("["):
        try:
            return parse_json(text.encode())
        except ValueError:
            return text
    return [part.strip() for part in text.split(",") if part.strip()]
