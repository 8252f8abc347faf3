"""The parameters of a request, parsed once: repeated parameters are rejected here, for every endpoint.

Pure. RFC 6749 section 3.1 and 3.2: a parameter MUST NOT be sent more than once, and one without a value counts
as absent. `resource` may be repeated (RFC 8707 section 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from auth_service.protocol.errors import InvalidRequest

REPEATABLE: Final = frozenset({"resource"})
MAX_PARAMETERS: Final = 64


class Parameters:
    """Decoded parameters by name."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]], *, repeatable: frozenset[str] = REPEATABLE) -> None:
        """Raises InvalidRequest if a parameter outside `repeatable` is repeated."""
        values: dict[str, tuple[str, ...]] = {}
        for name, value in pairs:
            if not value:
                continue
            seen = values.get(name, ())
            if seen and name not in repeatable:
                raise InvalidRequest(f"the parameter {name!r:.60} is repeated", error_id="repeated_parameter")
            if value not in seen:
                values[name] = (*seen, value)
        self._values = values

    def get(self, name: str) -> str | None:
        """The value of a parameter, or None when it is absent or empty."""
        values = self._values.get(name)
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """Every distinct value of a repeatable parameter, in order."""
        return self._values.get(name, ())

    def single_values(self) -> dict[str, str]:
        """Every parameter by name. Raises InvalidRequest if one has several values."""
        for name, values in self._values.items():
            if len(values) > 1:
                raise InvalidRequest(f"the parameter {name!r:.60} is repeated", error_id="repeated_parameter")
        return {name: values[0] for name, values in self._values.items()}

    def require(self, name: str) -> str:
        """The value of a parameter. Raises InvalidRequest when it is absent."""
        value = self.get(name)
        if value is None:
            raise InvalidRequest(f"the parameter {name} is missing", error_id=f"{name}_present")
        return value


def parse_urlencoded(
    text: str | bytes, *, repeatable: frozenset[str] = REPEATABLE, most: int = MAX_PARAMETERS
) -> Parameters:
    """Parse application/x-www-form-urlencoded. Raises InvalidRequest for bad UTF-8 or more parameters than `most`."""
    try:
        raw = text.decode("utf-8") if isinstance(text, bytes) else text
        pairs = _pairs(raw, most)
    except ValueError as exc:
        raise InvalidRequest(f"the parameters cannot be decoded: {exc}", error_id="parameters_decodable") from exc
    if ("\x00" in raw or "%00" in raw) and any("\x00" in name or "\x00" in value for name, value in pairs):
        raise InvalidRequest("a parameter contains NUL", error_id="parameters_decodable")
    return Parameters(pairs, repeatable=repeatable)


def _pairs(raw: str, most: int) -> list[tuple[str, str]]:
    """Names and values. Raises ValueError."""
    if "%" in raw or "+" in raw:
        return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=most)
    # Nothing is encoded in a usual token request, and the standard library takes five times as long to find that out.
    if raw.count("&") >= most:
        raise ValueError(f"more than {most} parameters")
    return [(name, value) for name, _, value in (part.partition("=") for part in raw.split("&") if part)]
