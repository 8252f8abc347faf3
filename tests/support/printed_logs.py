"""A plugin of fixtures: logs configured as a service configures them, and all that is printed."""

from __future__ import annotations

from typing import Literal

import pytest

from shared.logs.configuration import configure_command_logs

LogFormat = Literal["json", "console"]


class Output:
    """Everything that is printed, since it was read last."""

    def __init__(self, capfd: pytest.CaptureFixture[str], log_format: LogFormat) -> None:
        self._capfd = capfd
        self._log_format = log_format

    def begin(self) -> None:
        """Begin to log as the service does."""
        self._capfd.readouterr()
        configure_command_logs(level="debug", log_format=self._log_format)

    def __call__(self) -> str:
        printed = self._capfd.readouterr()
        return printed.out + printed.err


@pytest.fixture(params=["json", "console"])
def log_format(request: pytest.FixtureRequest) -> LogFormat:
    """Each format in turn."""
    chosen: LogFormat = request.param
    return chosen


@pytest.fixture
def output(log_format: LogFormat, capfd: pytest.CaptureFixture[str]) -> Output:
    """Call `begin` when the secrets are in place."""
    return Output(capfd, log_format)
