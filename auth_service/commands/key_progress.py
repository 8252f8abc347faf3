"""What a rotation is waiting for, shown while it waits: one moving line on a terminal, a line per change elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from auth_service.commands.key_table import moment
from auth_service.keys.propagation import PropagationEvidence

if TYPE_CHECKING:
    from types import TracebackType

    from auth_service.keys.propagation import PropagationStatus


class KeyProgress:
    """A context manager; nothing is shown with `quiet`. Writes to standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._status: Status | None = None
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, arrival: PropagationStatus) -> None:
        """Say what is waited for."""
        self.say(self.words_for(arrival))

    def say(self, words: str) -> None:
        """Show these words, unless they are there already."""
        if self._quiet or words == self._last:
            return
        self._last = words
        if not sys.stderr.isatty():
            self._console.print(Text(words))
        elif self._status is None:
            self._status = Status(Text(words), console=self._console)
            self._status.start()
        else:
            self._status.update(Text(words))

    @staticmethod
    def words_for(arrival: PropagationStatus) -> str:
        """What is waited for, in words."""
        at_the_latest = f"until {moment(arrival.certain_ms)} at the latest"
        if arrival.evidence is PropagationEvidence.REPLICAS:
            return f"waiting for {', '.join(arrival.waiting_for)} to hold the next key, {at_the_latest}"
        return f"waiting for verifiers that cannot be seen, {at_the_latest}"
