"""The table of Redis keys in docs/architecture.md."""

import re
from dataclasses import dataclass

from devstack.service_process import REPOSITORY

_ROW = re.compile(
    r"^\| `((?:sp|notes):[^`]+)` \| ([^|]+) \| [^|]+ \| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One row, without the content of the key."""

    key: str
    """With `<…>` for each variable part."""
    type: str
    ttl: str
    owner: str
    written_by: str

    @property
    def pattern(self) -> str:
        """The key with `*` for each variable part."""
        return re.sub(r"<[^>]+>", "*", self.key)


def key_rows() -> list[KeyRow]:
    """The rows in their order."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    return [KeyRow(*cells) for cells in _ROW.findall(text)]
